# SPDX-License-Identifier: BSD-2-Clause
# A bus of another machine, by ssh: OpenSSH's own client and server, which talk over a pipe. The
# "board" is this machine, with a PATH and RPMSG_DIR of its own.

load ../lib/common
load ../lib/process

setup()
{
	common_setup
	BOARD_DIR=$RPMSG_DIR
	unset XDG_CONFIG_HOME WIRESHARK_CONFIG_DIR RPMSG_EXTCAP_REMOTES
	export HOME=$PWD/home TMPDIR=$PWD/tmp
	mkdir -p tmp home/.config/wireshark/extcap home/.local/lib/wireshark/plugins pc ssh
	ln -s "$BUILD/bin/rpmsg-extcap" home/.config/wireshark/extcap/
	ln -s "$TOP/lib/record/rpmsg.lua" home/.local/lib/wireshark/plugins/
	make_board
}

# sshd's monitor insists on a folder that the system's start makes.
make_board()
{
	local key sshd
	[[ $EUID -ne 0 || -d /run/sshd ]] || mkdir -m 755 /run/sshd
	sshd=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd)
	for key in host user; do
		ssh-keygen -q -t ed25519 -N '' -f "ssh/$key"
	done
	cat >ssh/sshd_config <<-EOF
		HostKey $PWD/ssh/host
		AuthorizedKeysFile $PWD/ssh/user.pub
		StrictModes no
		UsePAM no
		PidFile none
		LogLevel ERROR
		SetEnv PATH=$PATH RPMSG_DIR=$RPMSG_DIR RPMSG_CASE_MARK=$RPMSG_CASE_MARK RPMSG_TEST_MARK=${RPMSG_TEST_MARK:-}
	EOF
	cat >ssh/ssh_config <<-EOF
		Host board
		  HostName board
		  ProxyCommand $sshd -i -f $PWD/ssh/sshd_config
		  IdentityFile $PWD/ssh/user
		  IdentitiesOnly yes
		  UserKnownHostsFile $PWD/ssh/known
		  StrictHostKeyChecking accept-new
		  BatchMode yes
		Host unreachable
		  ProxyCommand false
	EOF
	# ssh takes a user's configuration from the home that the system has for him.
	printf '#!/bin/sh\nexec %s -F %s "$@"\n' "$(command -v ssh)" "$PWD/ssh/ssh_config" >pc/ssh
	chmod +x pc/ssh
	PATH=$PWD/pc:$PATH
	# the PC has no buses
	mkdir -m 700 pc/rpmsg
	export RPMSG_DIR=$PWD/pc/rpmsg
}

serve_board()
{
	RPMSG_DIR=$BOARD_DIR serve "$@"
}

send()
{
	printf '%s\n' "$@" | RPMSG_DIR=$BOARD_DIR rpmsg-send -b rpmsg0 -s 2001 -d 50 -l -f -
}

hex()
{
	printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
}

# has N FILE: at least N lines
has()
{
	[[ $(wc -l <"$2") -ge $1 ]]
}

# What of this case listens or serves a login, on either machine.
remaining()
{
	local pid
	for pid in $(case_processes); do
		grep -xE 'rpmsg-listen|sshd|ssh|dumpcap' "/proc/$pid/comm" 2>/dev/null || true
	done
}

nobody_remains()
{
	[[ -z $(remaining) ]]
}

board_listens()
{
	remaining | grep -qx rpmsg-listen
}

# Ends the one tshark of this case, and waits for that.
end_tshark()
{
	local pid tshark
	for pid in $(case_processes); do
		! grep -qx tshark "/proc/$pid/comm" 2>/dev/null || tshark=$pid
	done
	kill -INT "$tshark"
	wait_for nobody_reads
}

# It is dumpcap that has the pipe, for a moment longer than there is a tshark.
nobody_reads()
{
	local pid
	for pid in $(case_processes); do
		! grep -qxE 'tshark|dumpcap' "/proc/$pid/comm" 2>/dev/null || return 1
	done
}

# log_in ARG...: ssh with ARG and rpmsg-listen on the board, ready; its output goes to a reader
log_in()
{
	[[ -p out ]] || mkfifo out
	start cat out
	reader=$started reader_out=$started_out
	start into out ssh "$@" board 'rpmsg-listen -b rpmsg0 --banner -w -'
	login=$started
	# with a terminal both are one
	wait_for grep -q ready "$started_err" "$reader_out"
}

into()
{
	exec "${@:2}" >"$1"
}

@test "ssh board rpmsg-listen -w - | tshark -r -" {
	serve_board
	send one two three
	ssh board rpmsg-listen -b rpmsg0 --history -c 3 -w - | tshark -r - -T fields -e rpmsg.dst -e data.data >decoded
	assert_equal "$(cat decoded)" "$(printf '0x00000032\t%s\n' "$(hex one)" "$(hex two)" "$(hex three)")"
	wait_for nobody_remains
}

@test "the same live: each message as it comes, and nobody is left when tshark ends" {
	serve_board
	start bash -c 'ssh board rpmsg-listen -b rpmsg0 --banner -w - | tshark -l -i - -T fields -e data.data'
	wait_for grep -q ready "$started_err"
	send one
	wait_for has 1 "$started_out"
	send two
	wait_for has 2 "$started_out"
	assert_equal "$(cat "$started_out")" "$(hex one)
$(hex two)"
	end_tshark
	send three # ssh notices when it has something to write
	waited "$started" || true
	wait_for nobody_remains
}

@test "on a silent bus the manual's line leaves nobody either" {
	local line
	line=$(sed -n 's/^\.Dl \(ssh board .*kill 0.*\)$/\1/p' "$TOP/man/rpmsg-listen.1")
	assert [ -n "$line" ]
	printf '#!/bin/sh\nexec tshark -w out.pcapng "$2" "$3"\n' >pc/wireshark
	chmod +x pc/wireshark
	serve_board
	# a process group of its own, as a shell with a terminal gives it
	start setsid -w bash -c "$line"
	wait_for test -s out.pcapng
	wait_for board_listens
	end_tshark
	waited "$started" || true
	wait_for nobody_remains
}

@test "ssh is killed while the bus is silent: nobody is left" {
	serve_board
	log_in
	stop "$login" KILL || true
	wait_for nobody_remains
	waited "$reader"
}

@test "a login with a terminal that ends, or is killed, leaves nobody" {
	[[ $EUID -eq 0 ]] || skip 'not root: sshd hands out terminals as root alone'
	local signal
	serve_board
	for signal in TERM KILL; do
		log_in -tt
		board_listens
		stop "$login" $signal || true
		wait_for nobody_remains
		waited "$reader"
	done
}

@test "standard output that is a socket, as some ssh servers have it, is watched too" {
	serve_board
	RPMSG_DIR=$BOARD_DIR start perl -MSocket -e '
		socketpair(my $near, my $far, AF_UNIX, SOCK_STREAM, 0) or die;
		if (!fork) {
			close $near;
			open STDOUT, ">&", $far or die;
			close $far;
			exec "rpmsg-listen", "-b", "rpmsg0", "--banner", "-w", "-";
		}
		close $far;
		sysread $near, my $bytes, 4096 while 1' # until it is killed
	wait_for grep -q ready "$started_err"
	stop "$started" KILL || true
	wait_for nobody_remains
}

@test "tshark captures from ssh:HOST/BUS, and SIGINT leaves nobody on either side" {
	serve_board
	export RPMSG_EXTCAP_REMOTES=board/rpmsg0
	run -0 tshark -D
	assert_line --partial 'ssh:board/rpmsg0 (rpmsg bus rpmsg0 on board)'
	send one
	start tshark -l -i ssh:board/rpmsg0 -o extcap.ssh_board_rpmsg0.history:true -T fields -e data.data
	wait_for has 1 "$started_out"
	send two
	wait_for has 2 "$started_out"
	assert_equal "$(cat "$started_out")" "$(hex one)
$(hex two)"
	exits 0 stop "$started" INT
	wait_for nobody_remains
	refute grep -i error "$started_err"
}

@test "tshark captures from the host and bus that the dialog asks for, on a silent bus too" {
	serve_board other=loop
	start tshark -i rpmsg-ssh -w out.pcapng -o extcap.rpmsg_ssh.remotehost:board \
		-o extcap.rpmsg_ssh.remotebus:other
	wait_for board_listens
	wait_for test -s out.pcapng
	exits 0 stop "$started" INT
	wait_for nobody_remains
	refute grep -i error "$started_err"
}

@test "what goes wrong there, or on the way, is told as an error" {
	: >fifo
	serve_board
	local -a capture=(rpmsg-extcap --capture --fifo fifo)
	run -2 --separate-stderr "${capture[@]}" --extcap-interface ssh:board/nowhere
	assert_regex "$stderr" 'rpmsg-listen: nowhere: '
	run -255 --separate-stderr "${capture[@]}" --extcap-interface ssh:unreachable/rpmsg0
	assert_regex "$stderr" 'Connection closed'
	run -127 --separate-stderr "${capture[@]}" --extcap-interface ssh:board/rpmsg0 --remote-command no-such-program
	assert_regex "$stderr" 'no-such-program'
	run -1 --separate-stderr env PATH=/nowhere "$BUILD/bin/rpmsg-extcap" --capture --fifo fifo \
		--extcap-interface ssh:board/rpmsg0
	assert_regex "$stderr" 'cannot run ssh: No such file'

	run tshark -i rpmsg-ssh -o extcap.rpmsg_ssh.remotehost:board -o extcap.rpmsg_ssh.remotebus:nowhere -w out.pcapng
	assert_output --partial 'rpmsg-listen: nowhere: '
	wait_for nobody_remains
}

@test "the remote shell takes each argument as it is" {
	: >fifo
	local filter='name "it'\''s" and $(touch /dev/full) `false` \n ; * > x'
	run -0 rpmsg-extcap --capture --fifo fifo --extcap-interface rpmsg-ssh --remote-host board \
		--remote-command "X=1 printf '<%s>\n'" --filter "$filter" --direction r2h --snaplen 64 \
		--history --events --extcap-capture-filter "len > 4'4"
	run -0 cat fifo
	assert_output "<-q>
<--strict>
<-b>
<rpmsg0>
<--history>
<--events>
<--snaplen>
<64>
<--bpf>
<len > 4'4>
<-w>
<->
<r2h and ( $filter )>"
}

@test "ssh runs with a port if there is one, and never takes a host for an option" {
	printf '#!/bin/sh\nprintf "<%%s>" "$@"\n' >pc/ssh
	: >fifo
	run -0 rpmsg-extcap --capture --fifo fifo --extcap-interface ssh:me@board/rpmsg0 --remote-port 2222
	run -0 cat fifo
	assert_output --regexp '<-T><-n>.*<-p><2222><--><me@board><rpmsg-listen .*>$'
	: >fifo
	run -0 rpmsg-extcap --capture --fifo fifo --extcap-interface ssh:me@board/rpmsg0 --remote-port 0
	run -0 cat fifo
	refute_output --partial '<-p>'
}
