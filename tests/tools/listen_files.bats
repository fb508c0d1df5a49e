# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-listen: where -w cannot write, or should not; a reader of -w - that goes.

load ../lib/common
load ../lib/process

a_capture()
{
	serve
	run -0 rpmsg-listen -b rpmsg0 -w some.pcap -- rpmsg-send -d 50 one two
	cp some.pcap same.pcap
}

@test "-w does not overwrite what -r reads, under whatever name" {
	a_capture
	ln -s some.pcap link.pcap
	ln some.pcap hard.pcap
	mkdir dir
	for name in some.pcap ./some.pcap link.pcap hard.pcap dir/../some.pcap; do
		run -64 rpmsg-listen -r some.pcap -w "$name"
		assert_line "rpmsg-listen: -w $name would overwrite what -r reads"
		run -64 rpmsg-listen -r "$name" -w some.pcap
		run -64 rpmsg-listen -r - -w "$name" <some.pcap
		run -64 bash -c 'rpmsg-listen -r "$1" -w - >>some.pcap' bash "$name"
	done
	# nor if that is its name for a bus only
	rpmsg-listen -b rpmsg0 --history --no-follow -o log 2>/dev/null >rpmsg0
	assert_file_not_empty rpmsg0
	cp rpmsg0 same
	run -1 rpmsg-listen -q -r rpmsg0 -w %b
	assert_output 'rpmsg-listen: rpmsg0: it is being written or read already'
	cmp rpmsg0 same
	cmp some.pcap same.pcap
	run -0 rpmsg-listen -r some.pcap -w other.pcap
	run -0 rpmsg-listen -r other.pcap -w - </dev/null
}

@test "-w says where it cannot write, and touches no bus" {
	mkdir dir
	run -1 rpmsg-listen -w dir
	assert_output 'rpmsg-listen: dir: Is a directory'
	run -1 rpmsg-listen -w none/x.pcap
	assert_output 'rpmsg-listen: none/x.pcap: No such file or directory'
	touch file
	run -1 rpmsg-listen -w file/x.pcap
	assert_output 'rpmsg-listen: file/x.pcap: Not a directory'
	run ls "$RPMSG_DIR"
	refute_output
}

@test "-w -: a reader that takes only the beginning ends it, on a silent bus too" {
	serve
	start rpmsg-send -b rpmsg0 -d 50 -c 1000000000 flood
	run -0 timeout 30 bash -c 'rpmsg-listen -b rpmsg0 -w - 2>said | head -c 100 >beginning; echo "${PIPESTATUS[0]}"'
	assert_output 141
	assert_equal "$(stat -c %s beginning)" 100
	assert_equal "$(od -An -tx4 -N4 beginning)" ' a1b23c4d'
	exits 143 stop "$started"
	run -0 timeout 30 bash -c 'rpmsg-listen -b rpmsg0 -w - 2>said | head -c 24 >beginning; echo "${PIPESTATUS[0]}"'
	assert_output 141
	assert_equal "$(stat -c %s beginning)" 24
}
