# Writes the figures as JSON, in the schema of xl-stubdom compare, and prints which targets are not met.
# Input: table.tsv (name, unit, targets, meaning), then a line WHO NAME VALUE for each repetition.
# Variables: json, the file to write; order, the WHOs to compare, the reference last; title, date;
# only, which figures (empty: all).
# A target is WHO<=VALUE or WHO>=VALUE. VALUE may be N*OTHER, which is N times the median of OTHER.

# measure WHO NAME: sets median, low, high and list. Returns 0 if it was not measured.
function measure(who, name,   v, n, i, j, t) {
    n = split(all[who, name], v, " ")
    if (!n) return 0
    for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] + 0 < v[j-1] + 0; j--) { t = v[j]; v[j] = v[j-1]; v[j-1] = t }
    low = v[1]; high = v[n]
    median = n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
    list = all[who, name]
    sub(/^ /, "", list); gsub(/ /, ", ", list)
    return n
}

# limit_of TEXT NAME: a target's VALUE as a number, or "" if OTHER was not measured.
function limit_of(text, name,   part) {
    if (split(text, part, "*") == 1) return text + 0
    return measure(part[2], name) ? part[1] * median : ""
}

# verdict WHO NAME TARGETS VALUE: sets target. Returns "true", "false" or "null".
function verdict(who, name, targets, value,   list, n, i, op, limit) {
    target = ""
    n = split(targets, list, " ")
    for (i = 1; i <= n; i++) {
        if (index(list[i], who "<=") != 1 && index(list[i], who ">=") != 1) continue
        op = substr(list[i], length(who) + 1, 2)
        target = substr(list[i], length(who) + 3)
        limit = limit_of(target, name)
        target = op target
        if (limit == "") return "null"
        return (op == "<=" ? value <= limit : value >= limit) ? "true" : "false"
    }
    return "null"
}

FNR == NR {
    if ($0 !~ /^#/ && split($0, field, "\t") == 4) {
        names[++count] = field[1]
        unit[field[1]] = field[2]; targets[field[1]] = field[3]; meaning[field[1]] = field[4]
    }
    next
}
{
    all[$1, $2] = all[$1, $2] " " $3
    if (!($2 in unit) && !warned[$2]++) print "bench: no row in table.tsv for " $2 > "/dev/stderr"
}
END {
    n = split(order, who, " ")
    printf "{\"version\": 1, \"date\": \"%s\", \"title\": \"%s\", \"complete\": true, \"missing\": [],\n\"measures\": [", date, title > json
    for (i = 1; i <= count; i++) {
        name = names[i]
        if (only != "" && !index(" " only " ", " " name " ")) continue
        shown = 0
        reference = measure(who[n], name) ? median : 0
        for (k = 1; k <= n; k++) {
            if (!measure(who[k], name)) continue
            if (!shown++) printf "%s\n {\"name\": \"%s\", \"unit\": \"%s\", \"meaning\": \"%s\", \"results\": [",
                (measures++ ? "," : ""), name, unit[name], meaning[name] > json
            value = median
            printf "%s\n  {\"of\": \"%s\", \"median\": %s, \"min\": %s, \"max\": %s, \"ratio\": %s, \"values\": [%s], ",
                (shown > 1 ? "," : ""), who[k], value, low, high, (reference && k < n ? value / reference : "null"), list > json
            met = verdict(who[k], name, targets[name], value)
            printf "\"target\": %s, \"met\": %s}", (target == "" ? "null" : "\"" target "\""), met > json
            if (met == "false") printf "NOT MET: %s of %s is %s, target %s\n", name, who[k], value, target
        }
        if (shown) printf "]}" > json
    }
    printf "\n]}\n" > json
}
