/*
 * nics: the vif list of a guest's config. See nics.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "nics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "config.h"
#include "frame-filter.h"

/* What counts of one entry; they point into it. */
struct nic {
    const char *model, *ip, *type, *script, *forward, *backend;
};

static void take(const char *field, const char *key, const char **value)
{
    size_t len = strlen(key);

    if (!strncmp(field, key, len))
        *value = field + len;
}

/* Cuts the entry up as xl does. */
static void split(char *entry, struct nic *nic)
{
    char *save = NULL;

    for (char *field = strtok_r(entry, ",", &save); field; field = strtok_r(NULL, ",", &save)) {
        field += strspn(field, " ");
        take(field, "model=", &nic->model);
        take(field, "ip=", &nic->ip);
        take(field, "type=", &nic->type);
        take(field, "script=", &nic->script);
        take(field, "forwarddev=", &nic->forward);
        take(field, "backend=", &nic->backend);
    }
}

/* Those of qemu/devices.mak, by every name that QEMU has for them. */
static bool model_known(const char *model)
{
    static const char *const known[] = {
        "e1000", "e1000-82540em", "rtl8139", "virtio-net", "virtio-net-pci",
        "virtio-net-pci-transitional", "virtio-net-pci-non-transitional",
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (!strcmp(model, known[i]))
            return true;
    return false;
}

/* Without a part of QEMU's. */
static bool is_vif_alone(const struct nic *nic)
{
    return nic->type && !strcmp(nic->type, "vif");
}

static int check(const char *source, int n, const struct nic *nic, bool firewall, struct fault *fault)
{
    static const char any_mac[] = "00:16:3e:00:00:00";
    struct frame_filter_rules rules;

    if (!is_vif_alone(nic) && nic->model && !model_known(nic->model))
        return fault_set(fault, -EINVAL,
                         "%s: vif %d: model=%s: QEMU in the stub domain has e1000, rtl8139 and virtio-net",
                         source, n, nic->model);
    if (firewall && nic->ip && frame_filter_rules_init(&rules, any_mac, nic->ip))
        return fault_set(fault, -EINVAL,
                         "%s: vif %d: ip=%s: the firewall takes up to 16 IPv4 and IPv6 addresses, separated "
                         "by blanks (stubdom_firewall = 0 turns it off)",
                         source, n, nic->ip);
    return 0;
}

/* A config may have our own script: pasted from --print-config. */
static bool is_helper(const char *script, const struct nic_scripts *scripts)
{
    return script && !strcmp(script, scripts->helper);
}

static int add_script(const struct nic *nic, const struct nic_scripts *scripts, char **more)
{
    bool ours = is_helper(nic->script, scripts);
    const char *theirs = ours ? nic->forward : nic->script ? nic->script : scripts->standard;

    if (nic->forward && !ours)
        return -EINVAL;
    if (is_helper(theirs, scripts))
        theirs = NULL;
    if (asprintf(more, "script=%s%s%s", scripts->helper, theirs ? ",forwarddev=" : "", theirs ? theirs : "") >= 0)
        return 0;
    *more = NULL;
    return -ENOMEM;
}

bool nic_backend_is_elsewhere(const char *backend)
{
    return *backend && strcmp(backend, "0") != 0 && strcmp(backend, "Domain-0") != 0;
}

int nic_script(const char *fields, const struct nic_scripts *scripts, char **more)
{
    cleanup_free char *copy = strdup(fields);
    struct nic nic = {0};

    *more = NULL;
    if (!copy)
        return -ENOMEM;
    split(copy, &nic);
    if (!scripts->helper || (nic.backend && *nic.backend ? nic_backend_is_elsewhere(nic.backend) : scripts->elsewhere))
        return 0;
    return add_script(&nic, scripts, more);
}

/* Adds an entry, with the helper, to the list so far: "entry","entry". */
static int append(char **list, const char *entry, const struct nic_scripts *scripts)
{
    cleanup_free char *more = NULL, *text = NULL, *quoted = NULL, *before = *list;
    int rc = nic_script(entry, scripts, &more);

    *list = NULL;
    if (rc)
        return rc;
    if (asprintf(&text, "%s%s%s", entry, more ? "," : "", more ? more : "") < 0)
        text = NULL;
    quoted = text ? config_quote(text) : NULL;
    if (quoted && asprintf(list, "%s%s%s", before ? before : "", before ? "," : "", quoted) >= 0)
        return 0;
    *list = NULL;
    return -ENOMEM;
}

static int make_line(XLU_ConfigList *list, int count, const struct nic_scripts *scripts, char **line)
{
    cleanup_free char *entries = NULL;
    int rc = 0;

    for (int i = 0; !rc && i < count; i++) {
        const char *entry = xlu_cfg_get_listitem(list, i);

        if (entry)
            rc = append(&entries, entry, scripts);
    }
    if (rc || !entries)
        return rc;
    if (asprintf(line, "vif=[%s]", entries) >= 0)
        return 0;
    *line = NULL;
    return -ENOMEM;
}

static int read_one(const char *source, int n, const char *entry, bool firewall, struct nic_count *nics,
                    struct fault *fault)
{
    cleanup_free char *copy = strdup(entry);
    struct nic nic = {0};

    if (!copy)
        return fault_set(fault, -ENOMEM, "%s: out of memory", source);
    split(copy, &nic);
    nics->all++;
    nics->emulated += !is_vif_alone(&nic);
    return check(source, n, &nic, firewall, fault);
}

int nics_read(XLU_Config *xlu, const char *source, bool firewall, const struct nic_scripts *scripts,
              struct nic_count *nics, char **line, struct fault *fault)
{
    XLU_ConfigList *list;
    int count, rc = 0;

    memset(nics, 0, sizeof(*nics));
    *line = NULL;
    if (xlu_cfg_get_list(xlu, "vif", &list, &count, 1))
        return 0;
    for (int i = 0; !rc && i < count; i++) {
        const char *entry = xlu_cfg_get_listitem(list, i);

        if (entry)
            rc = read_one(source, i, entry, firewall, nics, fault);
    }
    if (rc || !scripts || !scripts->helper)
        return rc;
    rc = make_line(list, count, scripts, line);
    if (rc == -EINVAL)
        return fault_set(fault, rc, "%s: vif: forwarddev= is for COLO, which needs a QEMU in dom0", source);
    return rc ? fault_set(fault, rc, "%s: out of memory", source) : 0;
}
