/*
 * keys: every key of xl.cfg(5), and what becomes of it for an HVM guest whose QEMU is in a stub
 * domain. One table: what is refused is refused from it before there is a domain, and
 * docs/limits.md is made from it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_KEYS_H
#define XL_STUBDOM_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include <libxlutil.h>

#include "fault.h"

#define VCPUS_MAX 128 /* Xen's HVM_MAX_VCPUS */

enum key_verdict {
    KEY_SERVED,   /* it does what xl.cfg(5) says */
    KEY_HARMLESS, /* it concerns Xen, the guest's Xen drivers or another kind of guest, not QEMU */
    KEY_REFUSED,  /* it asks for what there is not */
};

struct key {
    const char *name;
    enum key_verdict verdict;
    const char *note; /* for the reader of docs/limits.md, or NULL */
    /* Whether this value, or entry of a list, is refused, and why. NULL: none is. */
    bool (*refuses)(const struct key *key, const char *value);
    const char *words; /* for `refuses`: separated by blanks */
    const char *reason;
    bool new_only; /* a guest that is restored may have it */
    int since; /* Xen 4.this: an older xl ignores it for an HVM guest, so it is refused there; 0: 4.17's does not */
    /* It is a number: of anything else xl says that it is none, and makes the guest without. */
    bool number;
    long min, max; /* both 0: any */
    bool or_list;  /* of words, which xl knows */
};

extern const struct key keys[];
extern const size_t key_count;

/* xl.cfg(5)'s word for what a row refuses, for docs/limits.md: "1", "qxl", "other than …", "above …". */
void key_describe(const struct key *key, char *text, size_t size);

/*
 * Returns 0, or -EINVAL with the fault described: a value that cannot be had; a key that the host's Xen,
 * 4.XEN_MINOR, does not know (0: it knows all); if the guest is made AFRESH, what is no number or is out of its bounds.
 */
int keys_check(XLU_Config *xlu, const char *source, int xen_minor, bool afresh, struct fault *fault);

/* Whether the LEN characters at NAME are one of the list. */
bool key_is_among(const char *const list[], size_t count, const char *name, size_t len);

/*
 * The keys of a config that are not known, "a, b", in the order of the config. The text must have been
 * parsed without error. Malloc'd, "" when there is none; NULL: out of memory.
 */
char *keys_others(const char *text, size_t len, bool (*known)(const char *name, size_t len));
/* The same, of the table; stubdom_* are not looked at. */
char *keys_unknown(const char *text, size_t len);

#endif
