# SPDX-License-Identifier: BSD-2-Clause
# kill -9 of rpmsgd under load: its recorder's file has what passed, up to the last complete record.

load ../lib/common
load ../lib/process

DEADLINE=60

# Numbered messages without end, each its number 60 times.
generate()
{
	exec awk 'BEGIN {
		for (n = 1; ; n++) {
			word = sprintf("%07d", n)
			line = ""
			for (i = 0; i < 60; i++)
				line = line word
			print line
		}
	}'
}

flood()
{
	generate | rpmsg-send -b rpmsg0 -d 50 -l -f - -q
}

# run_of_messages: checks that what comes, as --out text shows it, is a run of those messages; prints
# the first and the last number.
run_of_messages()
{
	awk '
		{
			word = substr($NF, 1, 7)
			whole = $NF
			gsub(word, "", whole)
			if (length($NF) != 420 || whole != "" || (NR > 1 && word + 0 != last + 1)) {
				print "message " NR " after " last ": " $0 >"/dev/stderr"
				exit 1
			}
			last = word + 0
			if (NR == 1)
				first = last
		}
		END { print first + 0, last + 0 }'
}

# salvaged FILE: the numbers in it
salvaged()
{
	rpmsg-listen -r "$1" --time n >messages 2>said || fail "$(cat said)"
	run_of_messages <messages
}

recorded()
{
	rpmsg-listen -q -r "$RPMSG_DIR/rpmsg0.rec" -c 1 | grep -q .
}

@test "20 times: a whole run of messages is there, all that a live reader had seen included" {
	local round server sender reader seen first last kept rec=$RPMSG_DIR/rpmsg0.rec
	for ((round = 1; round <= 20; round++)); do
		serve --record-size="$((round % 2 ? 256 : 4096))K" rpmsg0=loop
		server=$started
		if ((round > 1)); then
			assert_file_contains "$started_err" 'which died, is kept in'
			run -0 salvaged "$rec.crashed"
			assert_output "$kept"
		fi
		start rpmsg-listen -b rpmsg0 --banner --time n
		reader=$started seen=$started_out
		wait_for grep -q ready "$started_err"
		start flood
		sender=$started
		wait_for recorded
		sleep "$(printf '0.%03d' $((RANDOM % 400)))" # any moment is right
		exits 137 stop "$server" KILL
		exits 6 waited "$sender"

		run -0 salvaged "$rec"
		kept=$output
		echo "round $round: $kept"
		assert_file_contains said "pid $server did not end this recording"
		read -r first last <<<"$kept"
		((first > 0 && last > first))
		exits 130 stop "$reader" INT
		if [[ -s $seen ]]; then
			# a reader that fell behind begins again with a later one
			tail -n 1 "$seen" | run_of_messages >last_seen
			assert_equal "$(cut -d ' ' -f 2 last_seen)" "$last"
		fi
		rm "$seen"
	done
}
