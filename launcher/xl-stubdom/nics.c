/*
 * nics: the vif list of a guest's config. See nics.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "nics.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "frame-filter.h"
#include "host-file.h"
#include "util.h"

#define NAME_LENGTH_MAX (IFNAMSIZ - 1 - (int)strlen("-emu"))

/* What counts of one entry; they point into it. */
struct nic {
    const char *model, *mac, *ip, *type, *name, *bridge, *script, *forward, *backend;
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
        take(field, "mac=", &nic->mac);
        take(field, "ip=", &nic->ip);
        take(field, "type=", &nic->type);
        take(field, "vifname=", &nic->name);
        take(field, "bridge=", &nic->bridge);
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

/*
 * Six numbers with something between them, as in xl, which goes on with what it has read of another one. Blanks are
 * often around commas.
 */
static bool is_mac(const char *text)
{
    char *end;

    text += strspn(text, " ");
    for (int i = 0; i < 6; i++) {
        if (!isxdigit((unsigned char)*text) || strtoul(text, &end, 16) > 255)
            return false;
        text = end + (i < 5 && *end);
    }
    return !text[strspn(text, " ")];
}

static int check(const char *source, int n, const struct nic *nic, bool firewall, struct fault *fault)
{
    static const char any_mac[] = "00:16:3e:00:00:00";
    struct frame_filter_rules rules;

    if (nic->mac && !is_mac(nic->mac))
        return fault_set(fault, -EINVAL, "%s: vif %d: mac=%s: not a MAC address", source, n, nic->mac);
    if (nic->type && strcmp(nic->type, "ioemu") && !is_vif_alone(nic))
        return fault_set(fault, -EINVAL, "%s: vif %d: type=%s: there are ioemu and vif", source, n, nic->type);
    if (nic->name && (strlen(nic->name) > NAME_LENGTH_MAX || strchr(nic->name, '/')))
        return fault_set(fault, -EINVAL, "%s: vif %d: vifname=%s: at most %d octets, since libxl adds \"-emu\" to it, "
                         "and no slash", source, n, nic->name, NAME_LENGTH_MAX);
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

/* The script that our own one runs; NULL: vif-bridge. */
static const char *script_of(const struct nic *nic, const struct nic_scripts *scripts)
{
    const char *script = is_helper(nic->script, scripts) ? nic->forward : nic->script ? nic->script : scripts->standard;

    return is_helper(script, scripts) ? NULL : script;
}

static int add_script(const struct nic *nic, const struct nic_scripts *scripts, char **more)
{
    const char *theirs = script_of(nic, scripts);

    if (nic->forward && !is_helper(nic->script, scripts))
        return -EINVAL;
    if (asprintf(more, "script=%s%s%s", scripts->helper, theirs ? ",forwarddev=" : "", theirs ? theirs : "") >= 0)
        return 0;
    *more = NULL;
    return -ENOMEM;
}

bool nic_backend_is_elsewhere(const char *backend)
{
    return *backend && strcmp(backend, "0") != 0 && strcmp(backend, "Domain-0") != 0;
}

/* Its vifs are made by our script. */
static bool is_helped(const struct nic *nic, const struct nic_scripts *scripts)
{
    return scripts->helper &&
           !(nic->backend && *nic->backend ? nic_backend_is_elsewhere(nic->backend) : scripts->elsewhere);
}

/*
 * As vif-bridge looks for it: what is not there as xenbr0 was made as eth0 once; and ip(8) takes other names of an
 * interface, too (Linux's altname).
 */
static bool has_bridge(const char *interfaces, const char *bridge)
{
    static const char old[] = "xenbr";
    char path[PATH_MAX];

    if (strchr(bridge, '/'))
        return false;
    if (!format_text(path, sizeof(path), "%s/%s", interfaces, bridge) && !access(path, F_OK))
        return true;
    if (!strncmp(bridge, old, strlen(old)) &&
        !format_text(path, sizeof(path), "%s/eth%s/bridge", interfaces, bridge + strlen(old)) && !access(path, F_OK))
        return true;
    return if_nametoindex(bridge) != 0;
}

/* A script that a driver domain does not run is in dom0, and so is a bridge, if the script is vif-bridge. */
static int check_dom0(const char *source, int n, const struct nic *nic, const struct nic_scripts *scripts,
                      struct fault *fault)
{
    const char *script = script_of(nic, scripts);

    if (!scripts->interfaces || !is_helped(nic, scripts))
        return 0;
    if (nic->bridge && (!script || !strcmp(script, "vif-bridge")) && !has_bridge(scripts->interfaces, nic->bridge))
        return fault_set(fault, -EINVAL, "%s: vif %d: bridge=%s: dom0 has no interface of this name", source, n,
                         nic->bridge);
    if (!script)
        return 0;
    return host_file_check(scripts->folder, script, HOST_FILE_RUNS, fault, "%s: vif %d: script=%s", source, n, script);
}

static int check_backend(const char *source, int n, const struct nic *nic, const struct nic_scripts *scripts,
                         struct fault *fault)
{
    if (!nic->backend || !nic_backend_is_elsewhere(nic->backend) || !scripts->lacks_domain ||
        !scripts->lacks_domain(nic->backend))
        return 0;
    return fault_set(fault, -EINVAL, "%s: vif %d: backend=%s: there is no such domain", source, n, nic->backend);
}

int nic_script(const char *fields, const struct nic_scripts *scripts, char **more)
{
    cleanup_free char *copy = strdup(fields);
    struct nic nic = {0};

    *more = NULL;
    if (!copy)
        return -ENOMEM;
    split(copy, &nic);
    if (!is_helped(&nic, scripts))
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

static int read_one(const char *source, int n, const char *entry, bool firewall, const struct nic_scripts *scripts,
                    struct nic_count *nics, struct fault *fault)
{
    cleanup_free char *copy = strdup(entry);
    struct nic nic = {0};
    int rc;

    if (!copy)
        return fault_set(fault, -ENOMEM, "%s: out of memory", source);
    split(copy, &nic);
    nics->all++;
    nics->emulated += !is_vif_alone(&nic);
    rc = check(source, n, &nic, firewall, fault);
    if (rc || !scripts)
        return rc;
    rc = check_backend(source, n, &nic, scripts, fault);
    return rc ? rc : check_dom0(source, n, &nic, scripts, fault);
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
            rc = read_one(source, i, entry, firewall, scripts, nics, fault);
    }
    if (rc || !scripts || !scripts->helper)
        return rc;
    rc = make_line(list, count, scripts, line);
    if (rc == -EINVAL)
        return fault_set(fault, rc, "%s: vif: forwarddev= is for COLO, which needs a QEMU in dom0", source);
    return rc ? fault_set(fault, rc, "%s: out of memory", source) : 0;
}
