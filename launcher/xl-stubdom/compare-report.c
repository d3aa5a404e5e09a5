/*
 * compare-report: the table. See compare-report.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "compare-report.h"

#include <stdlib.h>
#include <string.h>

void report_dispose(struct report *report)
{
    figures_dispose(&report->figures);
    free(report->date);
    free(report->title);
    for (size_t i = 0; i < SUBJECTS_MAX; i++)
        free(report->missing[i]);
    memset(report, 0, sizeof(*report));
}

/* Four digits that count, however large. */
static int decimals(double value)
{
    return value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3;
}

static void print_number(double value, FILE *out)
{
    fprintf(out, " %10.*f", decimals(value), value);
}

static void print_measure(const struct figures *figures, const struct measure *measure, FILE *out)
{
    fputs(measure->name, out);
    if (*measure->unit)
        fprintf(out, ", %s", measure->unit);
    if (*measure->meaning)
        fprintf(out, ": %s", measure->meaning);
    putc('\n', out);
    for (size_t i = 0; i < figures->subjects; i++) {
        struct summary summary = figures_summary(figures, measure, i);

        if (!summary.count)
            continue;
        fprintf(out, "  %-8s", figures->subject[i]);
        print_number(summary.median, out);
        print_number(summary.least, out);
        print_number(summary.most, out);
        fprintf(out, " %6zu", summary.count);
        if (summary.ratio)
            fprintf(out, " %9.2f", summary.ratio);
        putc('\n', out);
    }
}

void report_print(const struct report *report, FILE *out)
{
    fprintf(out, "%s\n%s\n", report->title, report->date);
    for (size_t i = 0; i < SUBJECTS_MAX && report->missing[i]; i++)
        fprintf(out, "missing: %s\n", report->missing[i]);
    if (!report->complete)
        fputs("not all runs were made\n", out);
    fprintf(out, "\n  %-8s %10s %10s %10s %6s %9s\n", "", "median", "least", "most", "runs", "to dom0");
    for (size_t i = 0; i < report->figures.count; i++)
        print_measure(&report->figures, &report->figures.measure[i], out);
}
