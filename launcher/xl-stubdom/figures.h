/*
 * figures: what was measured, of whom, how often; and its median, least and most.
 *
 * A subject is what is compared: a flavour of stub domain, or dom0. A measure has any number of values of
 * each subject, one for each run.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_FIGURES_H
#define XL_STUBDOM_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

#define SUBJECTS_MAX 8
#define MEASURES_MAX 200
#define MEASURE_NAME_MAX 40

struct values {
    double *value;
    size_t count;
};

struct measure {
    char *name, *unit, *meaning; /* unit and meaning may be "" */
    struct values of[SUBJECTS_MAX];
};

/* All zero is an empty one. */
struct figures {
    char *subject[SUBJECTS_MAX];
    size_t subjects;
    struct measure *measure;
    size_t count;
};

struct summary {
    size_t count; /* 0: not measured, the rest means nothing */
    double median, least, most;
    double ratio; /* the median to that of the reference; 0: there is none */
};

/* The subject of that name, added at the end when it is new. Its number, -ENOMEM or -ENOSPC. */
int figures_subject(struct figures *figures, const char *name);

/* The measure of that name, added when it is new, else as it was. NULL: no memory, or too many. */
struct measure *figures_measure(struct figures *figures, const char *name, const char *unit, const char *meaning);

/* 0 or -ENOMEM. */
int measure_add(struct measure *measure, size_t subject, double value);

/* The subject that is called dom0 is what the others are held against. */
struct summary figures_summary(const struct figures *figures, const struct measure *measure, size_t subject);

/* A name is made of lower-case letters, digits and underscores, and begins with a letter. */
bool figures_name_valid(const char *name);

void figures_dispose(struct figures *figures);

#endif
