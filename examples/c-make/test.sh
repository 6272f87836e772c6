set -e
test "$(printf 'one two\tthree\nfour' | ./wordcount)" = 4
test "$(printf '' | ./wordcount)" = 0
