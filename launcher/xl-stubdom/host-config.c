/*
 * host-config: what the administrator wants of every guest of this host. See host-config.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host-config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxlutil.h>

#include "cleanup.h"
#include "config.h"
#include "keys.h"

static bool is_ours(const char *name, size_t len)
{
    static const char *const ours[] = {"default_flavour", "default_flavor", "require"};

    return key_is_among(ours, sizeof(ours) / sizeof(ours[0]), name, len);
}

/* A slip of the pen is no wish to have QEMU in dom0. */
static int check_keys(const char *text, size_t len, const char *path, struct fault *fault)
{
    cleanup_free char *others = keys_others(text, len, is_ours);

    if (!others)
        return fault_set(fault, -ENOMEM, "%s: out of memory", path);
    return *others ? fault_set(fault, -EINVAL, "%s: there is no key %s", path, others) : 0;
}

static int read_flavour(struct host_config *host, XLU_Config *xlu, const char *path, struct fault *fault)
{
    const char *name = NULL;
    char known[80];
    int e = xlu_cfg_get_string(xlu, "default_flavour", &name, 1);

    if (e == ESRCH)
        e = xlu_cfg_get_string(xlu, "default_flavor", &name, 1);
    if (e == ESRCH)
        return 0;
    host->flavour = e ? NULL : flavour_find(name);
    if (host->flavour)
        return 0;
    flavour_list(known, sizeof(known));
    return fault_set(fault, -EINVAL, "%s: default_flavour is not %s", path, known);
}

static int read_require(struct host_config *host, XLU_Config *xlu, const char *path, struct fault *fault)
{
    long value = 0;
    int e = xlu_cfg_get_long(xlu, "require", &value, 1);

    if (e == ESRCH)
        return 0;
    if (e || (value != 0 && value != 1))
        return fault_set(fault, -EINVAL, "%s: require is not 0 or 1", path);
    host->require = value;
    return 0;
}

/* Parses the file into *xlu; NULL: none is there. `out` is where libxlutil complains. */
static int parse(const char *path, FILE *out, XLU_Config **xlu, char **text, size_t *len, struct fault *fault)
{
    int rc;

    *xlu = NULL;
    if (access(path, F_OK) && errno == ENOENT)
        return 0;
    rc = config_load(path, NULL, text, len, fault);
    if (rc)
        return rc;
    *xlu = xlu_cfg_init(out, path);
    if (!*xlu)
        return fault_set(fault, -ENOMEM, "%s: out of memory", path);
    if (xlu_cfg_readdata(*xlu, *text, *len))
        return fault_set(fault, -EINVAL, "%s: does not parse", path);
    return 0;
}

/* libxlutil's complaints are for nobody. */
static FILE *open_nowhere(const char *path, struct fault *fault)
{
    FILE *out = fopen("/dev/null", "we");

    if (!out)
        fault_set(fault, -errno, "%s: /dev/null: %s", path, strerror(errno));
    return out;
}

int host_config_read(struct host_config *host, const char *path, struct fault *fault)
{
    cleanup_fclose FILE *out = open_nowhere(path, fault);
    cleanup_free char *text = NULL;
    XLU_Config *xlu = NULL;
    size_t len = 0;
    int rc;

    host->flavour = NULL;
    host->require = false;
    if (!out)
        return -EIO;
    rc = parse(path, out, &xlu, &text, &len, fault);
    if (!rc && xlu)
        rc = check_keys(text, len, path, fault);
    if (!rc && xlu)
        rc = read_flavour(host, xlu, path, fault);
    if (!rc && xlu)
        rc = read_require(host, xlu, path, fault);
    if (xlu)
        xlu_cfg_destroy(xlu);
    return rc;
}

/* Its older name first: the newer one counts, as in xl. */
static int take_script(struct host_config *host, XLU_Config *xlu)
{
    static const char *const names[] = {"vifscript", "vif.default.script"};
    const char *value;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (xlu_cfg_get_string(xlu, names[i], &value, 1))
            continue;
        free(host->nics.standard);
        host->nics.standard = strdup(value);
        if (!host->nics.standard)
            return -ENOMEM;
    }
    return 0;
}

/* Another word means as much as none, says xl. */
static enum autoballoon read_autoballoon(XLU_Config *xlu)
{
    const char *word = "";

    xlu_cfg_get_string(xlu, "autoballoon", &word, 1);
    if (!strcmp(word, "on") || !strcmp(word, "1"))
        return AUTOBALLOON_ON;
    return !strcmp(word, "off") || !strcmp(word, "0") ? AUTOBALLOON_OFF : AUTOBALLOON_AUTO;
}

int host_config_read_xl(struct host_config *host, const char *path)
{
    struct fault ignored;
    cleanup_fclose FILE *out = open_nowhere(path, &ignored);
    cleanup_free char *text = NULL;
    XLU_Config *xlu = NULL;
    const char *backend;
    size_t len = 0;
    int rc = 0;

    if (out && !parse(path, out, &xlu, &text, &len, &ignored) && xlu) {
        host->nics.elsewhere = !xlu_cfg_get_string(xlu, "vif.default.backend", &backend, 1) &&
                               nic_backend_is_elsewhere(backend);
        host->autoballoon = read_autoballoon(xlu);
        xlu_cfg_get_long(xlu, "max_grant_frames", &host->max_grant_frames, 1);
        rc = take_script(host, xlu);
    }
    if (xlu)
        xlu_cfg_destroy(xlu);
    return rc;
}

void host_config_dispose(struct host_config *host)
{
    free(host->nics.standard);
    *host = (struct host_config){0};
}
