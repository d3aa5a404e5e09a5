# Prints the figures and writes them as JSON.
# Input: table.tsv (name, unit, targets, meaning), then lines WHO NAME VALUE, one a repetition.
# Variables: json, the file to write; order, those that are compared, the last being the reference.
# A target is WHO<=VALUE or WHO>=VALUE; VALUE may be N*OTHER: so many times OTHER's median.

function is_number(text) { return text ~ /^[0-9.]+$/ }

# measure WHO NAME: sets median, low, high; 0 when it was not measured.
function measure(who, name,   v, n, i, j, t) {
    n = split(all[who, name], v, " ")
    if (!n) return 0
    for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] + 0 < v[j-1] + 0; j--) { t = v[j]; v[j] = v[j-1]; v[j-1] = t }
    low = v[1]; high = v[n]
    median = n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
    return n
}

# limit_of TEXT NAME: the number that a target means; "" when what it refers to was not measured.
function limit_of(text, name,   part) {
    if (split(text, part, "*") == 1) return text + 0
    return measure(part[2], name) ? part[1] * median : ""
}

# verdict WHO NAME TARGETS VALUE: sets target; met, NOT MET, or nothing.
function verdict(who, name, targets, value,   list, n, i, op, limit) {
    target = ""
    n = split(targets, list, " ")
    for (i = 1; i <= n; i++) {
        if (index(list[i], who "<=") != 1 && index(list[i], who ">=") != 1) continue
        op = substr(list[i], length(who) + 1, 2)
        target = substr(list[i], length(who) + 3)
        limit = limit_of(target, name)
        target = op target
        if (limit == "") return ""
        return (op == "<=" ? value <= limit : value >= limit) ? "met" : "NOT MET"
    }
    return ""
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
    printf "[" > json
    for (i = 1; i <= count; i++) {
        name = names[i]
        shown = 0
        reference = measure(who[n], name) ? median : ""
        for (k = 1; k <= n; k++) {
            if (!(times = measure(who[k], name))) continue
            if (!shown++) printf "%s%s: %s\n", name, unit[name] == "" ? "" : " (" unit[name] ")", meaning[name]
            value = median; from = low; to = high
            ratio = reference && k < n ? sprintf("%.2f of %s's", value / reference, who[n]) : ""
            word = verdict(who[k], name, targets[name], value)
            printf "    %-6s %10.3f   %.3f-%.3f of %d   %-14s %s\n", who[k], value, from, to, times, ratio,
                word == "" ? "" : target ": " word
            printf "%s\n  {\"name\": \"%s\", \"of\": \"%s\", \"unit\": \"%s\", \"median\": %s, \"min\": %s, \"max\": %s, \"repetitions\": %d, \"target\": %s, \"met\": %s}",
                lines++ ? "," : "", name, who[k], unit[name], value, from, to, times,
                target == "" ? "null" : "\"" target "\"", word == "" ? "null" : word == "met" ? "true" : "false" > json
        }
    }
    printf "\n]\n" > json
}
