/*
 * nics: the vif list of a guest's config. See nics.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "nics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "frame-filter.h"

/* What counts of one entry; they point into it. */
struct nic {
    const char *model, *ip, *type;
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

    if (is_vif_alone(nic))
        return 0;
    if (nic->model && !model_known(nic->model))
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

int nics_read(XLU_Config *xlu, const char *source, bool firewall, struct nic_count *nics,
              struct fault *fault)
{
    XLU_ConfigList *list;
    int count, rc = 0;

    memset(nics, 0, sizeof(*nics));
    if (xlu_cfg_get_list(xlu, "vif", &list, &count, 1))
        return 0;
    for (int i = 0; !rc && i < count; i++) {
        const char *entry = xlu_cfg_get_listitem(list, i);
        cleanup_free char *copy = entry ? strdup(entry) : NULL;
        struct nic nic = {0};

        if (!entry)
            continue;
        if (!copy)
            return fault_set(fault, -ENOMEM, "%s: out of memory", source);
        split(copy, &nic);
        nics->all++;
        nics->emulated += !is_vif_alone(&nic);
        rc = check(source, i, &nic, firewall, fault);
    }
    return rc;
}
