/*
 * config: what a guest's config says that matters to its stub domain.
 *
 * Read with libxlutil, from the same bytes in the same order as xl reads them, so that both always
 * agree. A key that is given twice has its last value, as in xl.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_CONFIG_H
#define XL_STUBDOM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "devices.h"
#include "fault.h"
#include "flavour.h"
#include "host-config.h"
#include "host-memory.h"
#include "pci.h"

/* The most that stubdom_memory may say, in MiB. The least is the flavour's and the guest's (settings.c). */
#define STUBDOM_MEMORY_MAX 4096

/* A longer file is not a guest's config. */
#define CONFIG_SIZE_MAX (16 << 20)

/* libxl's own keys that xl-stubdom sets, as the config may already have them. */
enum libxl_key {
    KEY_STUBDOMAIN,
    KEY_VERSION,
    KEY_DEVICE_MODEL,
    KEY_KERNEL,
    KEY_RAMDISK,
    KEY_CMDLINE,
    KEY_MEMORY,
    KEY_COUNT,
};

extern const char *const libxl_key_names[KEY_COUNT];

/* What the user adds to QEMU's command line. device_model_args_pv is refused. */
enum args_key { ARGS_ALL, ARGS_HVM, ARGS_COUNT };

extern const char *const args_key_names[ARGS_COUNT];

struct config {
    char *source; /* the file's name, for messages */
    char *name;   /* the guest's name */
    char *uuid;   /* NULL: xl makes one up */
    const struct flavour *flavour; /* NULL: not ours */
    bool in_dom0; /* stubdom_flavor = "none" */
    bool hvm;
    bool shadow; /* hap = 0: the guest asks for shadow paging */
    bool vmtrace; /* vmtrace_buf_kb: for Intel's processor trace */
    long memory; /* MiB of the whole stub domain */
    bool memory_given;
    char *guest_kernel, *guest_ramdisk; /* of a direct kernel boot, or NULL */
    char **args[ARGS_COUNT]; /* NULL-terminated; NULL where the config has no such key */
    struct memory_needs needs; /* the guest's: without the stub domain's */
    long files;  /* MiB more that QEMU takes for these; the caller finds out */
    struct devices devices;
    struct pci_devices pci;
    long video; /* MiB of video memory that libxl will give the guest */
    bool debug_image;
    bool firewall;
    char *cmdline; /* more kernel arguments for the stub domain, or NULL */
    char *disks; /* "disk=[…]" that must replace the config's list, or NULL (disks.h) */
    char *vifs;  /* "vif=[…]", likewise (nics.h) */
    bool vcpus_given; /* the config says how many */
    bool vkb_given; /* the config says itself whether the guest has Xen's keyboard */
    char *unknown; /* keys that nobody knows, "a, b", or "" (keys.h) */
    char *libxl[KEY_COUNT]; /* NULL where the config has no such key */
};

/*
 * Reads a config's text, file and inline settings (config_load()); `source` names it in messages. What the
 * host's administrator wants is `host`, or NULL. Without a flavour only `flavour`, `in_dom0` and `hvm` are
 * meaningful. Returns 0, or a negative errno with the fault described. Dispose afterwards in either case.
 */
int config_init_text(struct config *config, const char *source, const char *text, size_t len,
                     const struct host_config *host, struct fault *fault);
void config_dispose(struct config *config);

/*
 * Reads the file `path` and the inline settings `extra` (lines, or NULL) that follow it: file, newline,
 * extra, newline. /dev/null stands for no file, as in xl. *text is malloc'd and is not
 * a string. Returns 0, or a negative errno with the fault described.
 */
int config_load(const char *path, const char *extra, char **text, size_t *len,
                struct fault *fault);

/*
 * Quotes a string as the config's lexer reads it; malloc'd, or NULL. Only a newline must not appear as it is. It is
 * written as \n: the lexer drops characters that are given by number (\x0a).
 */
char *config_quote(const char *text);

#endif
