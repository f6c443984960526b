#!/bin/bash
# score and correspond: of the same keypoints and encoder they say the same C and the same standard error
. "${0%/*}/common.sh" "$@"
need jq
. "$SOURCE_DIR/tests/cli/score_study.sh"
make_study s

"$EYECHART" score s --c --candidate dino --json >score.json 2>/dev/null || fail "score: status $?"
"$EYECHART" correspond s/encoders/dino@35 -k s/points/keypoints.json --json >correspond.json 2>/dev/null ||
    fail "correspond: status $?"
round='map_values(map_values(. * 1e10 | round))'
jq -S ".candidates[0] | {authors, consistent} | $round" score.json >one
jq -S ".rows[0].scores | map(select(.category == null and .readout == \"soft-argmax\" and .alpha == 0.1)
    | {key: .protocol, value: {c: .per_image, c_error: .per_image_se}}) | from_entries | $round" correspond.json >other
n_checks=$((n_checks + 2))
jq -e '.authors.c_error > 0 and .consistent.c_error > 0' one >/dev/null || fail "no standard errors: $(cat one)"
diff one other || fail "score (<) and correspond (>) differ"
finish
