/*
 * figures: what was measured, of whom, how often. See figures.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "figures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define REFERENCE "dom0"

int figures_subject(struct figures *figures, const char *name)
{
    for (size_t i = 0; i < figures->subjects; i++)
        if (!strcmp(figures->subject[i], name))
            return i;
    if (figures->subjects == SUBJECTS_MAX)
        return -ENOSPC;
    figures->subject[figures->subjects] = strdup(name);
    if (!figures->subject[figures->subjects])
        return -ENOMEM;
    return figures->subjects++;
}

static void measure_dispose(struct measure *measure)
{
    free(measure->name);
    free(measure->unit);
    free(measure->meaning);
    for (size_t i = 0; i < SUBJECTS_MAX; i++)
        free(measure->of[i].value);
    memset(measure, 0, sizeof(*measure));
}

struct measure *figures_measure(struct figures *figures, const char *name, const char *unit, const char *meaning)
{
    struct measure *grown, *added;

    for (size_t i = 0; i < figures->count; i++)
        if (!strcmp(figures->measure[i].name, name))
            return &figures->measure[i];
    if (figures->count == MEASURES_MAX)
        return NULL;
    grown = reallocarray(figures->measure, figures->count + 1, sizeof(*grown));
    if (!grown)
        return NULL;
    figures->measure = grown;
    added = &grown[figures->count];
    memset(added, 0, sizeof(*added));
    added->name = strdup(name);
    added->unit = strdup(unit);
    added->meaning = strdup(meaning);
    if (!added->name || !added->unit || !added->meaning) {
        measure_dispose(added);
        return NULL;
    }
    figures->count++;
    return added;
}

int measure_add(struct measure *measure, size_t subject, double value)
{
    struct values *values = &measure->of[subject];
    double *grown = reallocarray(values->value, values->count + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    values->value = grown;
    grown[values->count++] = value;
    return 0;
}

static int compare_values(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* False: there are none, or no memory to sort them in. */
static bool summarize(const struct values *values, struct summary *summary)
{
    size_t n = values->count;
    cleanup_free double *sorted = n ? malloc(n * sizeof(*sorted)) : NULL;

    memset(summary, 0, sizeof(*summary));
    if (!sorted)
        return false;
    memcpy(sorted, values->value, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), compare_values);
    summary->count = n;
    summary->median = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    summary->least = sorted[0];
    summary->most = sorted[n - 1];
    return true;
}

struct summary figures_summary(const struct figures *figures, const struct measure *measure, size_t subject)
{
    struct summary summary, reference;

    if (!summarize(&measure->of[subject], &summary) || !strcmp(figures->subject[subject], REFERENCE))
        return summary;
    for (size_t i = 0; i < figures->subjects; i++)
        if (!strcmp(figures->subject[i], REFERENCE) && summarize(&measure->of[i], &reference) && reference.median > 0)
            summary.ratio = summary.median / reference.median;
    return summary;
}

bool figures_name_valid(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return *name >= 'a' && *name <= 'z' && !name[len] && len < MEASURE_NAME_MAX;
}

void figures_dispose(struct figures *figures)
{
    for (size_t i = 0; i < figures->subjects; i++)
        free(figures->subject[i]);
    for (size_t i = 0; i < figures->count; i++)
        measure_dispose(&figures->measure[i]);
    free(figures->measure);
    memset(figures, 0, sizeof(*figures));
}
