-- SPDX-License-Identifier: BSD-2-Clause
--
-- Wireshark dissectors for rpmsg captures (link type 252): "rpmsg" for messages, "rpmsgev" for
-- what else happened on the bus. rpmsg-pcap(5) tells the format, the fields and the preferences.
--
--   tshark -X lua_script:rpmsg.lua -r FILE      or a copy in the personal Lua plugins folder
--   tshark -X lua_script:rpmsg.lua -X lua_script1:stats -q -r FILE      statistics by service
--
-- The direction is the one of the packet's tags: exported_pdu.p2p_dir is 0 from host to
-- remote, 1 from remote to host. Dissectors for payloads go into the tables
-- "rpmsg.service" (by the name of the service) and "rpmsg.dst_addr" (by address), or are named
-- in the preference rpmsg.payloads.

local HEADER = 16
local NS_ADDR = 0x35
local NS_SIZE = 40
local NS_NAME = 32
local NS_DESTROY = 1
local ADDR_ANY = 0xffffffff
local ADDR_DYNAMIC = 1024
local EVENT_BODY = 24 -- an event's, without its text
local HOST, REMOTE = 0, 1 -- the sending side, as exported_pdu.p2p_dir is
local BUFFER_PAYLOAD = 496 -- of the usual buffer of 512 bytes
local RING_SIZE = 256 -- the usual one: so many messages can be under way
local WAITING_MAX = 1024 -- requests of a pair of addresses that wait for an answer

local rpmsg = Proto("rpmsg", "Remote Processor Messaging")
local rpmsgev = Proto("rpmsgev", "Remote Processor Messaging Event")

rpmsg.prefs.payloads = Pref.string("Payload dissectors", "",
	"NAME=DISSECTOR, ADDRESS=DISSECTOR, ...: who decodes the payloads of a service (NAME may have"
	.. " * and ?), or from and to an address")
rpmsg.prefs.max_payload = Pref.uint("Largest payload", BUFFER_PAYLOAD,
	"Longer payloads are noted (0: none), unless the capture itself tells the limit")
rpmsg.prefs.statistics = Pref.bool("Print statistics (tshark)", false,
	"tshark prints statistics by service at its end")

-- ---- fields ----

local KINDS = {
	"up", "down", "reset", "announce", "withdraw", "no-recipient", "no-buffer", "buffer",
	"stall", "drop", "refused", "malformed", "lost",
}

local f = {
	src = ProtoField.uint32("rpmsg.src", "Source", base.HEX_DEC),
	src_service = ProtoField.string("rpmsg.src.service", "Source service"),
	dst = ProtoField.uint32("rpmsg.dst", "Destination", base.HEX_DEC),
	dst_service = ProtoField.string("rpmsg.dst.service", "Destination service"),
	reserved = ProtoField.uint32("rpmsg.reserved", "Reserved", base.HEX),
	len = ProtoField.uint16("rpmsg.len", "Payload length", base.DEC),
	flags = ProtoField.uint16("rpmsg.flags", "Flags", base.HEX),
	service = ProtoField.string("rpmsg.service", "Service"),
	request_in = ProtoField.framenum("rpmsg.request_in", "Request in", base.NONE,
		frametype.REQUEST),
	response_in = ProtoField.framenum("rpmsg.response_in", "Response in", base.NONE,
		frametype.RESPONSE),
	response_time = ProtoField.relative_time("rpmsg.response_time", "Response time"),
	event_in = ProtoField.framenum("rpmsg.event_in", "Not received: event in"),
	ns_name = ProtoField.string("rpmsg.ns.name", "Name"),
	ns_addr = ProtoField.uint32("rpmsg.ns.addr", "Address", base.HEX_DEC),
	ns_flags = ProtoField.uint32("rpmsg.ns.flags", "Flags", base.HEX),
}
rpmsg.fields = f

local ev = {
	kind = ProtoField.uint16("rpmsgev.kind", "Kind", base.DEC, KINDS),
	src = ProtoField.uint32("rpmsgev.src", "Source", base.HEX_DEC),
	dst = ProtoField.uint32("rpmsgev.dst", "Destination", base.HEX_DEC),
	reserved = ProtoField.uint32("rpmsgev.reserved", "Reserved", base.HEX),
	len = ProtoField.uint16("rpmsgev.len", "Length", base.DEC),
	value = ProtoField.uint32("rpmsgev.value", "Value", base.DEC),
	count = ProtoField.uint64("rpmsgev.count", "Count", base.DEC),
	duration = ProtoField.relative_time("rpmsgev.duration", "Duration"),
	text = ProtoField.string("rpmsgev.text", "Text"),
	service = ProtoField.string("rpmsgev.service", "Service"),
	message_in = ProtoField.framenum("rpmsgev.message_in", "Message in"),
}
rpmsgev.fields = ev

local function expert_of(group)
	return function(abbr, text, severity)
		return ProtoExpert.new(abbr, text, expert.group[group], expert.severity[severity])
	end
end
local malformed, undecoded = expert_of("MALFORMED"), expert_of("UNDECODED")
local sequence, protocol = expert_of("SEQUENCE"), expert_of("PROTOCOL")

local e = {
	short = malformed("rpmsg.short", "Shorter than an rpmsg header", "ERROR"),
	len = malformed("rpmsg.len.wrong", "Payload length is not what was captured", "ERROR"),
	ns_len = malformed("rpmsg.ns.len", "Name service message is not 40 bytes long", "ERROR"),
	ns_name = malformed("rpmsg.ns.name.wrong", "Service name is empty or has no end", "WARN"),
	ns_addr = malformed("rpmsg.ns.addr.wrong", "Service at an address that nobody can have",
		"WARN"),
	cut = undecoded("rpmsg.cut", "Packet was cut when it was captured", "NOTE"),
	pref = undecoded("rpmsg.payloads.wrong", "Preference rpmsg.payloads is wrong", "WARN"),
	ns_again = sequence("rpmsg.ns.again", "Announced again, and not withdrawn before", "NOTE"),
	ns_taken = sequence("rpmsg.ns.taken", "Address is announced for another service", "WARN"),
	withdrawn = sequence("rpmsg.withdrawn", "Message to a withdrawn service", "WARN"),
	no_recipient = sequence("rpmsg.no_recipient", "Message to an address that nobody has", "WARN"),
	oversize = protocol("rpmsg.oversize", "Payload is longer than the largest payload", "NOTE"),
}
rpmsg.experts = e

local eve = {
	short = malformed("rpmsgev.short", "Shorter than an event", "ERROR"),
	len = malformed("rpmsgev.len.wrong", "Length is not what was captured", "ERROR"),
	cut = undecoded("rpmsgev.cut", "Event was cut when it was captured", "NOTE"),
	unknown = undecoded("rpmsgev.unknown", "Event of an unknown kind", "NOTE"),
	ns_again = sequence("rpmsgev.again", "Announced again, and not withdrawn before", "NOTE"),
	ns_taken = sequence("rpmsgev.taken", "Address is announced for another service", "WARN"),
}
for kind, severity in pairs({
	up = "CHAT", down = "NOTE", reset = "ERROR", ["no-recipient"] = "WARN", ["no-buffer"] = "WARN",
	buffer = "CHAT", stall = "WARN", drop = "ERROR", refused = "WARN", malformed = "ERROR",
	lost = "WARN",
}) do
	eve[kind] = sequence("rpmsgev." .. kind:gsub("-", "_"), "Event: " .. kind, severity)
end
rpmsgev.experts = eve

local by_service = DissectorTable.new("rpmsg.service", "rpmsg service", ftypes.STRING,
	base.NONE, rpmsg)
local by_dst = DissectorTable.new("rpmsg.dst_addr", "rpmsg destination", ftypes.UINT32,
	base.HEX, rpmsg)
local data_dissector = Dissector.get("data")

-- ---- text ----

local function arrow(side)
	return side == HOST and "h>r" or side == REMOTE and "r>h" or "?>?"
end

local function other(side)
	return side == HOST and REMOTE or side == REMOTE and HOST or side
end

local function show(addr, name)
	return string.format("0x%x", addr) .. (name and " (" .. name .. ")" or "")
end

local function printable(raw)
	return (raw:gsub("[^\32-\126]", "."))
end

-- The beginning of a payload: text if it is text, else hex.
local function preview(tvb)
	local size = math.min(tvb:len(), 40)
	local raw = tvb(0, size):raw()
	local text = raw:match("^([\32-\126]+)%s*\0*$")

	if not text then
		size = math.min(size, 16)
		text = raw:sub(1, size):gsub(".", function(c) return string.format("%02x", c:byte()) end)
	end
	return text .. (size < tvb:len() and "..." or "")
end

-- ---- what is known so far ----

-- Filled while packets are seen for the first time. What that gave is kept by frame number, for
-- whenever they are seen again; a column for each thing, because captures are long.
local state
local counting = gui_enabled() -- statistics may be asked for

local NS_VIEWS = {
	[HOST] = { side = HOST, row = "name service" },
	[REMOTE] = { side = REMOTE, row = "name service" },
}

-- What ends with a link: names by key(), withdrawn ones, and pairs of addresses that talk.
local function forget_link()
	state.names = {}
	state.gone = {}
	state.pairs = {}
end

function rpmsg.init()
	state = {
		limits = {}, -- by side
		view = {}, -- what packets have in common: names, and the row in statistics
		size = {},
		linked = {}, -- the request's frame, or the response's as a negative number
		took = {},
		event = {}, -- frame of the event, or of the event's message
		withdrawn = {}, -- entry of state.gone
		oversize = {}, -- the limit
		expert = {}, -- of an announcement
	}
	forget_link()
end

local function key(side, addr)
	return side * 0x100000000 + addr
end

local function name_of(side, addr)
	local entry = state.names[key(side, addr)]

	return entry and entry.name
end

-- source: "message" or "event". Where a capture has both, an announcement comes from each once.
-- Returns which expert info it deserves, if any.
local function announce(side, addr, name, source)
	local entry = state.names[key(side, addr)]
	local taken = entry and entry.name ~= name

	state.gone[key(side, addr)] = nil
	if entry and not taken then
		local again = entry[source] and "ns_again"
		entry[source] = true
		return again
	end
	state.names[key(side, addr)] = { name = name, [source] = true }
	return taken and "ns_taken" or nil
end

-- An event tells of what a message has done: it may not undo an announcement that it is older than.
local function withdraw(side, addr, name, source, frame)
	local entry = state.names[key(side, addr)]

	if entry and entry.name == name and (source == "message" or entry.event) then
		state.names[key(side, addr)] = nil
		state.gone[key(side, addr)] = { name = entry.name, frame = frame }
	end
end

-- The two sides of a loop tell of the same generation, one after the other.
local function link_changed(kind, generation)
	local last = state.link

	state.link = { kind = kind, generation = generation }
	if not last or last.kind ~= kind or last.generation ~= generation then
		forget_link()
	end
end

-- The same for both directions. Each side has a queue of its messages that wait for an answer.
local function pair_of(side, src, dst)
	local host, remote = src, dst

	if side ~= HOST then
		host, remote = dst, src
	end
	state.pairs[host] = state.pairs[host] or {}
	local pair = state.pairs[host][remote]
	if not pair then
		pair = { first = 1, last = 0, newest = {}, views = {} }
		state.pairs[host][remote] = pair
	end
	return pair
end

-- Who asks, and whom the other answers: the service does not; else the fixed address does not;
-- else it is who spoke first.
local function asking_side(pair, side, src, dst, src_name, dst_name)
	if (src_name == nil) ~= (dst_name == nil) then
		return dst_name and side or other(side)
	end
	if not pair.asker then
		local answers = src < ADDR_DYNAMIC and dst >= ADDR_DYNAMIC
		pair.asker = answers and other(side) or side
	end
	return pair.asker
end

-- Seconds between two packets. rel_ts is exact but starts again at a time reference.
local function elapsed(from, to)
	local exact, coarse = to.rel - from.rel, to.abs - from.abs

	return math.max(math.abs(exact - coarse) < 1e-5 and exact or coarse, 0)
end

-- The oldest message from place FIRST of the queue on for which fits() holds, and its place.
local function next_waiting(pair, first, fits)
	for i = first, pair.last do
		if fits(pair[i]) then
			return pair[i], i
		end
	end
end

local function received(message)
	return not message.event
end

local function empty_queue(pair)
	for i = pair.first, pair.last do
		pair[i] = nil
	end
	pair.first, pair.last = 1, 0
end

local function wait_for_answer(pair, message)
	pair.last = pair.last + 1
	pair[pair.last] = message
	if pair.last - pair.first >= WAITING_MAX then
		pair[pair.first] = nil
		pair.first = pair.first + 1
	end
end

local function take_answer(pair, message)
	local request, i = next_waiting(pair, pair.first, received)

	if not request then
		return
	end
	for old = pair.first, i do
		pair[old] = nil
	end
	pair.first = i + 1
	state.linked[request.frame] = -message.frame
	state.linked[message.frame] = request.frame
	state.took[message.frame] = elapsed(request, message)
end

local function match_answers(pair, asker, message)
	if asker ~= pair.queued then
		empty_queue(pair)
		pair.queued = asker
	end
	pair.newest[message.side] = message
	if message.side == asker then
		wait_for_answer(pair, message)
	else
		take_answer(pair, message)
	end
end

-- In statistics: the service, else the address that is asked.
local function row_of(side, asker, src, dst)
	return string.format("%s 0x%x", other(asker) == HOST and "host" or "remote",
		side == asker and dst or src)
end

-- The view of the packets from one side of a pair, which is the same until a name changes.
local function view_of(pair, side, asker, src, dst, src_name, dst_name)
	local view = pair.views[side]

	if not view or view.src_name ~= src_name or view.dst_name ~= dst_name then
		view = { side = side, src_name = src_name, dst_name = dst_name }
		view.row = dst_name or src_name or row_of(side, asker, src, dst)
		pair.views[side] = view
	end
	return view
end

local function see_talk(message, src, dst)
	local side = message.side
	local src_name, dst_name = name_of(side, src), name_of(other(side), dst)

	state.withdrawn[message.frame] = state.gone[key(other(side), dst)]
	state.gone[key(side, src)] = nil
	if side ~= HOST and side ~= REMOTE then
		state.view[message.frame] = { side = side, src_name = src_name, dst_name = dst_name,
			row = "no direction" }
		return
	end
	local pair = pair_of(side, src, dst)
	local asker = asking_side(pair, side, src, dst, src_name, dst_name)
	state.view[message.frame] = view_of(pair, side, asker, src, dst, src_name, dst_name)
	match_answers(pair, asker, message)
end

local function see_message(pinfo, side, src, dst, len)
	local frame = pinfo.number
	local limit = state.limits[side] or rpmsg.prefs.max_payload

	state.first = state.first or frame
	if counting then
		state.size[frame] = len
	end
	if limit > 0 and len > limit then
		state.oversize[frame] = limit
	end
	if dst == NS_ADDR then
		state.view[frame] = NS_VIEWS[side] or NS_VIEWS[HOST]
	else
		see_talk({ frame = frame, side = side, len = len, rel = pinfo.rel_ts, abs = pinfo.abs_ts },
			src, dst)
	end
end

-- Finds the message that an event "no recipient" is about: both then name the other's frame.
local function see_no_recipient(frame, side, src, dst, count)
	local pair = pair_of(side, src, dst)
	local function is_it(message)
		return message.side == side and message.len == count and not message.event
	end
	local message = next_waiting(pair, math.max(pair.first, pair.last - RING_SIZE + 1), is_it)

	if not message and pair.newest[side] and is_it(pair.newest[side]) then
		message = pair.newest[side]
	end
	if message then
		message.event = true
		state.event[message.frame] = frame
		state.event[frame] = message.frame
	end
end

-- A static channel tells of both of its ends.
local function see_channel(frame, side, addr, event)
	if addr == ADDR_ANY or event.text == "" then
		return
	end
	if event.kind == "withdraw" then
		withdraw(side, addr, event.text, "event", frame)
	else
		state.expert[frame] = announce(side, addr, event.text, "event") or state.expert[frame]
	end
end

local function see_event(pinfo, event)
	local frame, side = pinfo.number, event.side
	local name = name_of(other(side), event.dst)

	if event.kind == "up" or event.kind == "down" then
		link_changed(event.kind, event.value)
		state.limits[side] = tonumber(event.text:match("(%d+) bytes")) or state.limits[side]
	elseif event.kind == "announce" or event.kind == "withdraw" then
		name = event.text
		see_channel(frame, side, event.src, event)
		see_channel(frame, other(side), event.dst, event)
	elseif event.kind == "no-recipient" then
		see_no_recipient(frame, side, event.src, event.dst, event.count)
	end
	state.view[frame] = { kind = event.kind or "unknown", dst_name = name }
end

-- All that is known of a frame.
local function recall(frame)
	local view, linked = state.view[frame], state.linked[frame] or 0

	return {
		frame = frame,
		src_name = view.src_name,
		dst_name = view.dst_name,
		request = linked > 0 and linked or nil,
		response = linked < 0 and -linked or nil,
		took = state.took[frame],
		event = state.event[frame],
		withdrawn = state.withdrawn[frame],
		oversize = state.oversize[frame],
		expert = state.expert[frame],
	}
end

-- ---- who decodes payloads: the preference ----

local payload_rules = {}
local payload_faults = ""

local function glob_pattern(glob)
	local escaped = glob:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0")

	return "^" .. escaped:gsub("%*", ".*"):gsub("%?", ".") .. "$"
end

-- A rule of the preference; nil and what is wrong with it.
local function parse_rule(text)
	local what, who = text:match("^%s*(.-)%s*=%s*([^=%s]+)%s*$")
	local found, sub

	if not what or what == "" then
		return nil, string.format("\"%s\" is not NAME=DISSECTOR or ADDRESS=DISSECTOR", text)
	end
	found, sub = pcall(Dissector.get, who)
	if not found or not sub then
		return nil, string.format("no dissector has the name \"%s\"", who)
	end
	return { addr = tonumber(what), pattern = glob_pattern(what), dissector = sub }
end

local function parse_rules(text)
	local faults = {}

	payload_rules = {}
	for part in text:gmatch("%s*([^,]+)") do
		local rule, fault = parse_rule(part)
		table.insert(rule and payload_rules or faults, rule or fault)
	end
	payload_faults = table.concat(faults, "; ")
	if payload_faults ~= "" then
		io.stderr:write("rpmsg.payloads: " .. payload_faults .. "\n")
	end
end

local function chosen_dissector(service, src, dst)
	for _, rule in ipairs(payload_rules) do
		if rule.addr and (rule.addr == src or rule.addr == dst)
			or not rule.addr and service and service:find(rule.pattern) then
			return rule.dissector
		end
	end
end

local function find_dissector(service, src, dst)
	return chosen_dissector(service, src, dst)
		or service and by_service:get_dissector(service)
		or by_dst:get_dissector(dst)
end

-- ---- messages ----

-- What is in the capture as text: terminated, printable ASCII.
local function ns_name(tvb)
	local raw = tvb(0, NS_NAME):raw()
	local stop = raw:find("\0", 1, true)

	return printable(raw:sub(1, (stop or NS_NAME + 1) - 1)), stop ~= nil
end

local function learn(pinfo, side, name, addr, destroy)
	if destroy then
		withdraw(side, addr, name, "message", pinfo.number)
	elseif name ~= "" then
		state.expert[pinfo.number] = announce(side, addr, name, "message")
	end
end

local function dissect_ns_body(tvb, pinfo, tree, side)
	local name, ended = ns_name(tvb)
	local addr, flags = tvb(NS_NAME, 4):le_uint(), tvb(NS_NAME + 4, 4):le_uint()
	local destroy = flags % 2 == NS_DESTROY
	local again

	if not pinfo.visited and tvb:reported_len() == NS_SIZE and addr ~= ADDR_ANY then
		learn(pinfo, side, name, addr, destroy)
	end
	local item = tree:add(f.ns_name, tvb(0, NS_NAME), name)
	if name == "" or not ended then
		item:add_proto_expert_info(e.ns_name)
	end
	again = state.expert[pinfo.number]
	if again then
		item:add_proto_expert_info(e[again])
	end
	item = tree:add_le(f.ns_addr, tvb(NS_NAME, 4))
	if addr == ADDR_ANY then
		item:add_proto_expert_info(e.ns_addr)
	end
	item = tree:add_le(f.ns_flags, tvb(NS_NAME + 4, 4))
	item:append_text(destroy and " (destroy)" or " (announce)")
	pinfo.cols.info = string.format("%s %s %s addr 0x%x", arrow(side),
		destroy and "destroy" or "announce", name, addr)
end

local function dissect_ns(tvb, pinfo, root, side)
	local reported = tvb:reported_len() - HEADER

	pinfo.cols.info = arrow(side) .. " name service, malformed"
	if reported ~= NS_SIZE then
		root:add_proto_expert_info(e.ns_len)
	elseif tvb:len() < HEADER + NS_SIZE then
		pinfo.cols.info = arrow(side) .. " name service, cut"
	end
	if tvb:len() == HEADER then
		return
	end
	local tree = root:add(tvb(HEADER), "Name service")
	if tvb:len() >= HEADER + NS_SIZE then
		dissect_ns_body(tvb(HEADER):tvb(), pinfo, tree, side)
	end
end

local function add_generated(tree, field, value)
	if value then
		tree:add(field, value):set_generated()
	end
end

local function dissect_header(tvb, tree, p)
	tree:add_le(f.src, tvb(0, 4))
	add_generated(tree, f.src_service, p.src_name)
	local item = tree:add_le(f.dst, tvb(4, 4))
	if p.withdrawn then
		item:add_proto_expert_info(e.withdrawn, string.format(
			"Message to service %s, withdrawn in frame %d", p.withdrawn.name, p.withdrawn.frame))
	end
	if p.event then
		item:add_proto_expert_info(e.no_recipient)
	end
	add_generated(tree, f.dst_service, p.dst_name)
	tree:add_le(f.reserved, tvb(8, 4))
	item = tree:add_le(f.len, tvb(12, 2))
	if tvb(12, 2):le_uint() ~= tvb:reported_len() - HEADER then
		item:add_proto_expert_info(e.len)
	end
	if p.oversize then
		item:add_proto_expert_info(e.oversize, string.format(
			"Payload is longer than %d bytes", p.oversize))
	end
	tree:add_le(f.flags, tvb(14, 2))
end

local function dissect_links(tree, p)
	add_generated(tree, f.service, p.dst_name or p.src_name)
	add_generated(tree, f.response_in, p.response)
	add_generated(tree, f.request_in, p.request)
	if p.took then
		local sec = math.floor(p.took)
		local nsec = math.floor((p.took - sec) * 1e9 + 0.5)
		add_generated(tree, f.response_time, NSTime.new(sec, math.min(nsec, 999999999)))
	end
	add_generated(tree, f.event_in, p.event)
end

-- text: who sends to whom
local function dissect_payload(tvb, pinfo, root, sub, text)
	text = string.format("%s, %d bytes", text, tvb(12, 2):le_uint())
	if tvb:len() == HEADER then
		pinfo.cols.info = text
		return
	end
	local payload = tvb(HEADER):tvb()
	if not sub then
		pinfo.cols.info = text .. ": " .. preview(payload)
		data_dissector:call(payload, pinfo, root)
		return
	end
	pinfo.cols.info = ""
	-- What it could not make sense of is in the tree by then, and would be an error of ours.
	pcall(sub.call, sub, payload, pinfo, root)
	pinfo.cols.info:prepend(text .. ": ")
end

-- Whether there is a header; else says what is wrong.
local function has_header(tvb, tree, experts)
	if tvb:len() < tvb:reported_len() then
		tree:add_proto_expert_info(experts.cut)
	end
	if tvb:reported_len() < HEADER then
		tree:add_proto_expert_info(experts.short)
	end
	return tvb:len() >= HEADER
end

function rpmsg.dissector(tvb, pinfo, root)
	local side = pinfo.p2p_dir
	local tree = root:add(rpmsg, tvb())

	pinfo.cols.protocol = "rpmsg"
	if not has_header(tvb, tree, e) then
		pinfo.cols.info = arrow(side) .. " malformed"
		return tvb:len()
	end
	local src, dst = tvb(0, 4):le_uint(), tvb(4, 4):le_uint()
	if not pinfo.visited then
		see_message(pinfo, side, src, dst, tvb(12, 2):le_uint())
	end
	local p = recall(pinfo.number)
	local from, to = show(src, p.src_name), show(dst, p.dst_name)
	local text = string.format("%s %s > %s", arrow(side), from, to)
	pinfo.cols.src = from
	pinfo.cols.dst = to
	tree:append_text(", " .. text)
	if payload_faults ~= "" and p.frame == state.first then
		tree:add_proto_expert_info(e.pref, "Preference rpmsg.payloads: " .. payload_faults)
	end
	dissect_header(tvb, tree, p)
	dissect_links(tree, p)
	if dst == NS_ADDR then
		dissect_ns(tvb, pinfo, tree, side)
	else
		dissect_payload(tvb, pinfo, root, find_dissector(p.dst_name or p.src_name, src, dst), text)
	end
	return tvb:len()
end

-- ---- events ----

local function seconds(event)
	return string.format("%d.%09d s", event.sec, event.nsec)
end

-- ": SOURCE > DESTINATION", or nothing where the event tells of neither.
local function ends(event, p)
	local src, dst = event.src ~= ADDR_ANY, event.dst ~= ADDR_ANY

	if not src and not dst then
		return ""
	end
	return string.format(": %s > %s", src and show(event.src) or "any",
		dst and show(event.dst, p.dst_name) or "any")
end

-- Who does not read, as far as is known.
local function reader(event, p)
	local who = event.text

	if event.value ~= 0 then
		who = who .. (who ~= "" and ", " or "") .. string.format("pid %d", event.value)
	end
	return (event.dst == ADDR_ANY and "any" or show(event.dst, p.dst_name))
		.. (who ~= "" and " [" .. who .. "]" or "")
end

-- A static channel has both addresses.
local function channel(event)
	local at = event.src == ADDR_ANY and "any" or show(event.src)

	return event.text .. " at " .. at .. (event.dst ~= ADDR_ANY and " > " .. show(event.dst) or "")
end

-- " WORDS TEXT", or nothing without a text.
local function tail(words, event)
	return event.text ~= "" and words .. event.text or ""
end

-- The direction of these is that of the side that tells.
local function link(what, event)
	local teller = event.side == HOST and "host" or event.side == REMOTE and "remote" or "?"

	return string.format("link %s at the %s, generation %d", what, teller, event.value)
		.. tail(": ", event)
end

local SENTENCES = {
	up = function(event)
		return link("up", event)
	end,
	down = function(event)
		return link("down", event)
	end,
	reset = function(event)
		return "reset" .. tail(": ", event)
	end,
	announce = function(event)
		return "announce " .. channel(event)
	end,
	withdraw = function(event)
		return "withdraw " .. channel(event)
	end,
	["no-recipient"] = function(event, p)
		if event.dst == ADDR_ANY then
			return "no recipient" .. tail(": ", event)
		end
		return string.format("no recipient%s, %.0f bytes", ends(event, p), event.count)
			.. tail("; ", event)
	end,
	["no-buffer"] = function(event, p)
		return "no transmit buffer" .. ends(event, p) .. tail(", held by ", event)
	end,
	buffer = function(event, p)
		return string.format("transmit buffer again after %s%s, %.0f sends found none",
			seconds(event), ends(event, p), event.count) .. tail("; ", event)
	end,
	stall = function(event, p)
		return string.format("stall: %s takes nothing, %.0f messages wait", reader(event, p),
			event.count)
	end,
	drop = function(event, p)
		return string.format("drop: %.0f messages to %s after %s", event.count, reader(event, p),
			seconds(event))
	end,
	refused = function(event)
		return "name service message "
			.. (event.src ~= ADDR_ANY and "from " .. show(event.src) .. " " or "")
			.. "refused" .. tail(": ", event)
	end,
	malformed = function(event)
		return "malformed" .. tail(": ", event)
	end,
	lost = function(event)
		return string.format("lost: %.0f records are missing here", event.count)
			.. tail("; ", event)
	end,
}

local function read_event(tvb, side)
	local duration = tvb(HEADER + 16, 8):le_uint64()

	return {
		side = side,
		src = tvb(0, 4):le_uint(),
		dst = tvb(4, 4):le_uint(),
		kind = KINDS[tvb(14, 2):le_uint()],
		value = tvb(HEADER, 4):le_uint(),
		count = tvb(HEADER + 8, 8):le_uint64():tonumber(),
		sec = (duration / 1000000000):tonumber(),
		nsec = (duration % 1000000000):tonumber(),
		text = tvb:len() > HEADER + EVENT_BODY and printable(tvb(HEADER + EVENT_BODY):raw()) or "",
	}
end

local function dissect_event_header(tvb, tree)
	local kind = tree:add_le(ev.kind, tvb(14, 2))

	tree:add_le(ev.src, tvb(0, 4))
	tree:add_le(ev.dst, tvb(4, 4))
	tree:add_le(ev.reserved, tvb(8, 4))
	local len = tree:add_le(ev.len, tvb(12, 2))
	if tvb(12, 2):le_uint() ~= tvb:reported_len() - HEADER then
		len:add_proto_expert_info(eve.len)
	end
	return kind
end

local VALUES = { up = "generation", down = "generation", stall = "pid", drop = "pid" }

local function dissect_event_body(tvb, tree, event, p)
	local item = tree:add_le(ev.value, tvb(HEADER, 4))

	if VALUES[event.kind] then
		item:append_text(" (" .. VALUES[event.kind] .. ")")
	end
	tree:add_le(ev.reserved, tvb(HEADER + 4, 4))
	tree:add_le(ev.count, tvb(HEADER + 8, 8))
	tree:add(ev.duration, tvb(HEADER + 16, 8), NSTime.new(event.sec, event.nsec))
	if event.text ~= "" then
		tree:add(ev.text, tvb(HEADER + EVENT_BODY), event.text)
	end
	add_generated(tree, ev.service, p.dst_name)
	add_generated(tree, ev.message_in, p.event)
end

local function dissect_event(tvb, pinfo, tree, side)
	local kind_item = dissect_event_header(tvb, tree)

	pinfo.cols.info = arrow(side) .. " event, cut"
	if tvb:reported_len() < HEADER + EVENT_BODY then
		tree:add_proto_expert_info(eve.short)
		pinfo.cols.info = arrow(side) .. " event, malformed"
	end
	if tvb:len() < HEADER + EVENT_BODY then
		return
	end
	local event = read_event(tvb, side)
	if not pinfo.visited then
		see_event(pinfo, event)
	end
	local p = recall(pinfo.number)
	local sentence = event.kind and SENTENCES[event.kind](event, p) or string.format(
		"unknown event %d%s", tvb(14, 2):le_uint(), ends(event, p)) .. tail(", ", event)
	pinfo.cols.info = arrow(side) .. " " .. sentence
	tree:append_text(", " .. sentence)
	if event.kind == nil then
		kind_item:add_proto_expert_info(eve.unknown)
	elseif eve[event.kind] then
		kind_item:add_proto_expert_info(eve[event.kind], sentence)
	end
	if p.expert then
		kind_item:add_proto_expert_info(eve[p.expert])
	end
	dissect_event_body(tvb, tree, event, p)
	pinfo.cols.src = event.src == ADDR_ANY and "" or show(event.src)
	pinfo.cols.dst = event.dst == ADDR_ANY and "" or show(event.dst, p.dst_name)
end

function rpmsgev.dissector(tvb, pinfo, root)
	local tree = root:add(rpmsgev, tvb())

	pinfo.cols.protocol = "rpmsgev"
	if has_header(tvb, tree, eve) then
		dissect_event(tvb, pinfo, tree, pinfo.p2p_dir)
	else
		pinfo.cols.info = arrow(pinfo.p2p_dir) .. " event, malformed"
	end
	return tvb:len()
end

-- ---- statistics ----

local function new_row()
	return { n = { [HOST] = 0, [REMOTE] = 0 }, bytes = { [HOST] = 0, [REMOTE] = 0 },
		answers = 0, sum = 0, min = math.huge, max = 0 }
end

local function count_message(totals, view, frame)
	local row = totals.rows[view.row] or new_row()
	local side, took = view.side == REMOTE and REMOTE or HOST, state.took[frame]

	totals.rows[view.row] = row
	row.n[side] = row.n[side] + 1
	row.bytes[side] = row.bytes[side] + state.size[frame]
	if took then
		row.answers = row.answers + 1
		row.sum = row.sum + took
		row.min = math.min(row.min, took)
		row.max = math.max(row.max, took)
	end
end

local function count_packet(totals, frame)
	local view = state.view[frame]

	if view and view.kind then
		totals.events[view.kind] = (totals.events[view.kind] or 0) + 1
	elseif view then
		count_message(totals, view, frame)
	end
end

local function sorted_keys(t)
	local keys = {}

	for k in pairs(t) do
		table.insert(keys, k)
	end
	table.sort(keys)
	return keys
end

-- Narrow enough for Wireshark's window.
local function message_lines(rows, lines)
	table.insert(lines, string.format("%-32s %8s %10s %8s %10s", "messages", "h>r", "bytes", "r>h",
		"bytes"))
	for _, name in ipairs(sorted_keys(rows)) do
		local n, bytes = rows[name].n, rows[name].bytes
		table.insert(lines, string.format("%-32s %8d %10d %8d %10d", name, n[HOST], bytes[HOST],
			n[REMOTE], bytes[REMOTE]))
	end
end

local function response_lines(rows, lines)
	table.insert(lines, string.format("%-32s %8s %10s %10s %10s", "responses after", "count", "min",
		"avg", "max"))
	for _, name in ipairs(sorted_keys(rows)) do
		local row = rows[name]
		if row.answers > 0 then
			table.insert(lines, string.format("%-32s %8d %10.6f %10.6f %10.6f", name, row.answers,
				row.min, row.sum / row.answers, row.max))
		end
	end
end

local function event_lines(events, lines)
	table.insert(lines, string.format("%-32s %8s", "events", "count"))
	for _, kind in ipairs(sorted_keys(events)) do
		table.insert(lines, string.format("%-32s %8d", kind, events[kind]))
	end
end

local function totals_text(totals)
	local lines = { "rpmsg by service, times in seconds", "" }

	message_lines(totals.rows, lines)
	table.insert(lines, "")
	response_lines(totals.rows, lines)
	table.insert(lines, "")
	event_lines(totals.events, lines)
	return table.concat(lines, "\n") .. "\n"
end

-- Counts what passes and hands the text to write() whenever it is to be shown.
local function listen(write)
	local listener = Listener.new("frame")
	local totals

	local function reset()
		totals = { rows = {}, events = {} }
	end
	listener.reset = reset
	function listener.packet(pinfo)
		count_packet(totals, pinfo.number)
	end
	function listener.draw()
		write(totals_text(totals))
	end
	reset()
	return listener
end

local function show_window()
	local window = TextWindow.new("rpmsg statistics by service")
	local listener = listen(function(text) window:set(text) end)

	window:set_atclose(function() listener:remove() end)
	retap_packets()
end

local printing

local function print_statistics()
	counting = true
	printing = printing or listen(function(text) io.write(text) end)
end

function rpmsg.prefs_changed()
	parse_rules(rpmsg.prefs.payloads)
	if rpmsg.prefs.statistics and not gui_enabled() then
		print_statistics()
	end
end

if gui_enabled() then
	register_menu("rpmsg by service", show_window, MENU_STAT_UNSORTED)
elseif ... == "stats" then
	print_statistics()
end
