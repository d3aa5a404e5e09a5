/*
 * compare-options: the command line of `xl-stubdom compare`.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_COMPARE_OPTIONS_H
#define XL_STUBDOM_COMPARE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"
#include "figures.h"

#define DOM0 "dom0" /* the subject without a stub domain */

struct compare_options {
    const char *config; /* the guest's; NULL: `from` is given */
    char **settings;    /* inline settings after it */
    int setting_count;
    const char *from;   /* the figures of an earlier run */
    const char *subject[SUBJECTS_MAX];
    size_t subjects;
    char *subject_list; /* what these point into; NULL: they are the flavours' own names */
    unsigned int runs;
    unsigned int idle_s; /* 0: not measured */
    unsigned int timeout_s;
    const char *until;   /* a regular expression, or NULL */
    bool until_screen;   /* until the guest's screen changes */
    const char *script;  /* --exec, or NULL */
    const char *output;  /* the files' names, without what follows the last dot */
    const char *dom0_qemu; /* the QEMU for dom0, or NULL: libxl's own choice */
    bool yes;
};

/*
 * ARGV: `compare` and its arguments; what is returned points into them. 0, or -EINVAL with the fault described: the
 * command line makes no sense. Dispose in either case.
 */
int compare_options_init(struct compare_options *options, int argc, char **argv, struct fault *fault);
void compare_options_dispose(struct compare_options *options);

#endif
