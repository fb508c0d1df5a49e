-- SPDX-License-Identifier: BSD-2-Clause
--
-- Wireshark dissector for rpmsg captures (link type 252, dissector name "rpmsg").
--
--   tshark -X lua_script:rpmsg.lua -r FILE      or a copy in the personal Lua plugins folder
--
-- The direction is the one of the packet's tags: exported_pdu.p2p_dir is 0 from host to
-- remote, 1 from remote to host. Dissectors for payloads go into the tables
-- "rpmsg.service" (by the name of the service) and "rpmsg.dst_addr" (by address).

local HEADER = 16
local NS_ADDR = 0x35
local NS_SIZE = 40
local NS_NAME = 32
local NS_DESTROY = 1
local ADDR_ANY = 0xffffffff

local rpmsg = Proto("rpmsg", "Remote Processor Messaging")

local f = {
	src = ProtoField.uint32("rpmsg.src", "Source", base.HEX_DEC),
	dst = ProtoField.uint32("rpmsg.dst", "Destination", base.HEX_DEC),
	reserved = ProtoField.uint32("rpmsg.reserved", "Reserved", base.HEX),
	len = ProtoField.uint16("rpmsg.len", "Payload length", base.DEC),
	flags = ProtoField.uint16("rpmsg.flags", "Flags", base.HEX),
	service = ProtoField.string("rpmsg.service", "Service"),
	ns_name = ProtoField.string("rpmsg.ns.name", "Name"),
	ns_addr = ProtoField.uint32("rpmsg.ns.addr", "Address", base.HEX_DEC),
	ns_flags = ProtoField.uint32("rpmsg.ns.flags", "Flags", base.HEX),
}
rpmsg.fields = f

local e = {
	short = ProtoExpert.new("rpmsg.short", "Shorter than an rpmsg header",
		expert.group.MALFORMED, expert.severity.ERROR),
	len = ProtoExpert.new("rpmsg.len.wrong", "Payload length is not what was captured",
		expert.group.MALFORMED, expert.severity.ERROR),
	ns_len = ProtoExpert.new("rpmsg.ns.len", "Name service message is not 40 bytes long",
		expert.group.MALFORMED, expert.severity.ERROR),
	ns_name = ProtoExpert.new("rpmsg.ns.name.wrong", "Service name is empty or has no end",
		expert.group.MALFORMED, expert.severity.WARN),
	ns_addr = ProtoExpert.new("rpmsg.ns.addr.wrong", "Service at an address that nobody can have",
		expert.group.MALFORMED, expert.severity.WARN),
}
rpmsg.experts = e

local by_service = DissectorTable.new("rpmsg.service", "rpmsg service", ftypes.STRING,
	base.NONE, rpmsg)
local by_dst = DissectorTable.new("rpmsg.dst_addr", "rpmsg destination", ftypes.UINT32,
	base.HEX, rpmsg)
local data_dissector = Dissector.get("data")

-- Names announced so far, by the side they are on and the address, while packets are seen
-- for the first time; and what that gave for each packet, for whenever it is seen again.
local announced
local service_of

function rpmsg.init()
	announced = {}
	service_of = {}
end

local function key(side, addr)
	return side .. ":" .. addr
end

-- The sending side is 0 (host) or 1 (remote), as the direction is; -1 if the packet has none.
local function other(side)
	return side >= 0 and 1 - side or side
end

local function learn_service(side, addr, name, destroy)
	if destroy then
		announced[key(side, addr)] = nil
	elseif name ~= "" then
		announced[key(side, addr)] = name
	end
end

local function find_service(pinfo, side, src, dst)
	if not pinfo.visited then
		service_of[pinfo.number] = announced[key(other(side), dst)] or announced[key(side, src)]
	end
	return service_of[pinfo.number]
end

local function arrow(side)
	return side == 0 and "h>r" or side == 1 and "r>h" or "?>?"
end

-- What is in the capture as text: terminated, printable ASCII.
local function ns_name(tvb)
	local raw = tvb(0, NS_NAME):raw()
	local stop = raw:find("\0", 1, true)

	return (raw:sub(1, (stop or NS_NAME + 1) - 1):gsub("[^\32-\126]", ".")), stop ~= nil
end

local function dissect_ns(tvb, pinfo, tree, side)
	local sub = tree:add(rpmsg, tvb(), "Name service")
	local name, ended, addr, flags, destroy, item

	if tvb:reported_len() ~= NS_SIZE then
		sub:add_proto_expert_info(e.ns_len)
	end
	if tvb:len() < NS_SIZE then
		pinfo.cols.info = arrow(side) .. " name service, malformed"
		return
	end
	name, ended = ns_name(tvb)
	addr = tvb(NS_NAME, 4):le_uint()
	flags = tvb(NS_NAME + 4, 4):le_uint()
	destroy = flags % 2 == NS_DESTROY

	item = sub:add(f.ns_name, tvb(0, NS_NAME), name)
	if name == "" or not ended then
		item:add_proto_expert_info(e.ns_name)
	end
	item = sub:add_le(f.ns_addr, tvb(NS_NAME, 4))
	if addr == ADDR_ANY then
		item:add_proto_expert_info(e.ns_addr)
	end
	item = sub:add_le(f.ns_flags, tvb(NS_NAME + 4, 4))
	item:append_text(destroy and " (destroy)" or " (announce)")
	pinfo.cols.info = string.format("%s %s %s addr 0x%x", arrow(side),
		destroy and "destroy" or "announce", name, addr)
	if not pinfo.visited and tvb:reported_len() == NS_SIZE and addr ~= ADDR_ANY then
		learn_service(side, addr, name, destroy)
	end
end

local function dissect_payload(tvb, pinfo, tree, service, dst)
	local sub = service and by_service:get_dissector(service) or by_dst:get_dissector(dst)
		or data_dissector

	sub:call(tvb, pinfo, tree)
end

local function dissect_header(tvb, tree)
	tree:add_le(f.src, tvb(0, 4))
	tree:add_le(f.dst, tvb(4, 4))
	tree:add_le(f.reserved, tvb(8, 4))
	local item = tree:add_le(f.len, tvb(12, 2))
	if tvb(12, 2):le_uint() ~= tvb:reported_len() - HEADER then
		item:add_proto_expert_info(e.len)
	end
	tree:add_le(f.flags, tvb(14, 2))
end

function rpmsg.dissector(tvb, pinfo, root)
	local side = pinfo.p2p_dir
	local tree = root:add(rpmsg, tvb())
	local src, dst, service

	pinfo.cols.protocol = "rpmsg"
	if tvb:len() < HEADER then
		tree:add_proto_expert_info(e.short)
		pinfo.cols.info = arrow(side) .. " malformed"
		return tvb:len()
	end
	src = tvb(0, 4):le_uint()
	dst = tvb(4, 4):le_uint()
	pinfo.cols.src = string.format("0x%x", src)
	pinfo.cols.dst = string.format("0x%x", dst)
	tree:append_text(string.format(", %s, 0x%x > 0x%x", arrow(side), src, dst))
	dissect_header(tvb, tree)

	if dst == NS_ADDR then
		if tvb:len() > HEADER then
			dissect_ns(tvb(HEADER):tvb(), pinfo, tree, side)
		else
			tree:add_proto_expert_info(e.ns_len)
			pinfo.cols.info = arrow(side) .. " name service, malformed"
		end
		return tvb:len()
	end
	service = find_service(pinfo, side, src, dst)
	if service then
		tree:add(f.service, service):set_generated()
	end
	pinfo.cols.info = string.format("%s 0x%x > 0x%x%s len %d", arrow(side), src, dst,
		service and " " .. service or "", tvb(12, 2):le_uint())
	if tvb:len() > HEADER then
		dissect_payload(tvb(HEADER):tvb(), pinfo, root, service, dst)
	end
	return tvb:len()
end
