/*
 * Rewrites QEMU's arguments for the stub domain (dm-argv.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dm-argv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RESTORE_PLACEHOLDER "$STUBDOM_RESTORE_INCOMING_ARG"

/* One walk over the arguments: the scan fills needs, the rewrite (out is set) uses it. */
struct walk {
    struct dm_needs *needs;
    const struct dm_extras *extras;
    struct str_list *out;
    char *error;
    bool has_vnc, has_no_acpi;
};

static int refuse(const struct walk *walk, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int refuse(const struct walk *walk, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(walk->error, DM_ERROR_MAX, fmt, args);
    va_end(args);
    return -EINVAL;
}

/* Writes an option to the output; value may be NULL. Nothing while scanning. */
static int emit(const struct walk *walk, const char *option, const char *value)
{
    int rc;

    if (!walk->out)
        return 0;
    rc = str_list_add(walk->out, option);
    return rc || !value ? rc : str_list_add(walk->out, value);
}

/*
 * Finds key in QEMU's "key=value,key=value" and copies its value. Doubled commas
 * stand for a comma in QEMU; none of the values that we look for has one. 0,
 * -ENOENT, or -ENAMETOOLONG.
 */
static int find_key(const char *text, const char *key, char *value, size_t size)
{
    size_t key_len = strlen(key);

    while (*text) {
        size_t len = strcspn(text, ",");

        if (len > key_len && text[key_len] == '=' && !strncmp(text, key, key_len)) {
            if (len - key_len - 1 >= size)
                return -ENAMETOOLONG;
            memcpy(value, text + key_len + 1, len - key_len - 1);
            value[len - key_len - 1] = '\0';
            return 0;
        }
        text += len;
        text += *text == ',';
    }
    return -ENOENT;
}

static int keep(struct walk *walk, const char *option, const char *value)
{
    return emit(walk, option, value);
}

static int drop(struct walk *walk, const char *option, const char *value)
{
    return 0;
}

static int refuse_dom0_file(struct walk *walk, const char *option, const char *value)
{
    return refuse(walk, "%s %s: this file is in dom0, the stub domain cannot see it",
                  option, value);
}

static int check_domid(struct walk *walk, const char *option, const char *value)
{
    unsigned int domid;

    if (walk->out && (parse_uint(value, UINT16_MAX, &domid) || domid != walk->extras->guest))
        return refuse(walk, "%s %s: this stub domain is for guest %u", option, value,
                      walk->extras->guest);
    return emit(walk, option, value);
}

static struct dm_nic *find_nic(struct dm_needs *needs, unsigned int devid)
{
    for (unsigned int i = 0; i < needs->nic_count; i++)
        if (needs->nics[i].devid == devid)
            return &needs->nics[i];
    return NULL;
}

static int need_nic(struct walk *walk, const char *value, unsigned int devid)
{
    if (find_nic(walk->needs, devid))
        return refuse(walk, "-netdev %s: net%u is given twice", value, devid);
    if (walk->needs->nic_count == DM_MAX_NICS)
        return refuse(walk, "-netdev %s: more than %d NICs", value, DM_MAX_NICS);
    walk->needs->nics[walk->needs->nic_count++].devid = devid;
    return 0;
}

/* libxl: type=tap,id=net0,ifname=vif1.0-emu,br=xenbr0,script=…,downscript=… */
static int rewrite_netdev(struct walk *walk, const char *option, const char *value)
{
    char type[16], id[16], backend[DM_NIC_ARG_MAX + 32];
    unsigned int devid;
    int rc;

    /* Another type, or a tap that is not libxl's, is the user's own business. */
    if (find_key(value, "type", type, sizeof(type)) || strcmp(type, "tap") ||
        find_key(value, "id", id, sizeof(id)) || strncmp(id, "net", 3) ||
        parse_uint(id + 3, UINT16_MAX, &devid))
        return emit(walk, option, value);
    if (!walk->out)
        return need_nic(walk, value, devid);

    const struct dm_nic *nic = find_nic(walk->needs, devid);

    rc = nic ? format_text(backend, sizeof(backend), "%s,id=%s", nic->backend, id) : -EINVAL;
    return rc ? refuse(walk, "-netdev %s: no NIC %u", value, devid) : emit(walk, option, backend);
}

/*
 * Notes /dev/xvdX, so that QEMU is not started before the disk is there. libxl calls hda and sda
 * both xvda, where only one of them can be: the guest would see one disk twice.
 */
static int note_drive(struct walk *walk, const char *option, const char *value)
{
    char file[DM_PATH_MAX];
    bool *disk;

    if (find_key(value, "file", file, sizeof(file)) || strncmp(file, "/dev/xvd", 8) ||
        file[8] < 'a' || file[8] > 'z' || file[9])
        return emit(walk, option, value);
    disk = &walk->needs->disks[file[8] - 'a'];
    if (!walk->out && *disk)
        return refuse(walk, "-drive %s: %s is given twice; hd%c and sd%c are the same disk here",
                      value, file, file[8], file[8]);
    *disk = true;
    return emit(walk, option, value);
}

static int rewrite_serial(struct walk *walk, const char *option, const char *value)
{
    struct dm_needs *needs = walk->needs;
    unsigned int console;

    if (strncmp(value, "/dev/hvc", 8) || parse_uint(value + 8, 255, &console))
        return emit(walk, option, value);
    if (walk->out) {
        for (unsigned int i = 0; i < needs->serial_count; i++)
            if (needs->serials[i].console == console)
                return emit(walk, option, needs->serials[i].chardev);
        return refuse(walk, "-serial %s: no such console", value);
    }
    if (needs->serial_count == DM_MAX_SERIALS)
        return refuse(walk, "-serial %s: more than %d serial ports", value, DM_MAX_SERIALS);
    needs->serials[needs->serial_count++].console = console;
    return 0;
}

static int rewrite_incoming(struct walk *walk, const char *option, const char *value)
{
    char fd[16];

    if (strcmp(value, RESTORE_PLACEHOLDER))
        return emit(walk, option, value);
    walk->needs->restore = true;
    snprintf(fd, sizeof(fd), "fd:%d", walk->needs->restore_fd);
    return emit(walk, option, fd);
}

static int note_vnc(struct walk *walk, const char *option, const char *value)
{
    walk->has_vnc = true;
    return emit(walk, option, value);
}

static int note_no_acpi(struct walk *walk, const char *option, const char *value)
{
    walk->has_no_acpi = true;
    return 0;
}

/* -no-acpi comes before -machine in libxl's list. */
static int rewrite_machine(struct walk *walk, const char *option, const char *value)
{
    cleanup_free char *changed = NULL;

    if (!walk->has_no_acpi)
        return emit(walk, option, value);
    if (asprintf(&changed, "%s,acpi=off", value) < 0)
        return -ENOMEM;
    return emit(walk, option, changed);
}

static const struct rule {
    const char *option;
    bool has_value;
    int (*action)(struct walk *walk, const char *option, const char *value);
} rules[] = {
    /* Must be ours: a wrong number would attach QEMU to another domain. */
    { "-xen-domid", true, check_domid },
    /* dom0's tap, bridge and script do not exist here; the vif is joined to QEMU by us. */
    { "-netdev", true, rewrite_netdev },
    { "-drive", true, note_drive },
    /* Consoles have other names on another flavour. */
    { "-serial", true, rewrite_serial },
    { "-incoming", true, rewrite_incoming },
    /* Files of dom0. */
    { "-kernel", true, refuse_dom0_file },
    { "-initrd", true, refuse_dom0_file },
    /* dm_restrict=1: users and folders of dom0. QEMU is always confined here, by us. */
    { "-xen-domid-restrict", false, drop },
    { "-runas", true, drop },
    { "-chroot", true, drop },
    { "-run-with", true, drop },
    /* QEMU 9 removed it in favour of a machine property; libxl 4.20 still says it. */
    { "-no-acpi", false, note_no_acpi },
    { "-machine", true, rewrite_machine },
    /* We say where VNC is served, unless the user did. */
    { "-vnc", true, note_vnc },
    /*
     * Nothing to do, but their values may look like options (a guest may be named
     * "-kernel"), so that they must be known to have one.
     */
    { "-name", true, keep },
    { "-append", true, keep },
};

static const struct rule *find_rule(const char *option)
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
        if (!strcmp(rules[i].option, option))
            return &rules[i];
    return NULL;
}

static int walk_args(struct walk *walk, const struct str_list *argv)
{
    int rc = 0;

    for (size_t i = 0; i < argv->count && !rc; i++) {
        const char *option = argv->items[i];
        const struct rule *rule = find_rule(option);

        if (!rule) {
            rc = emit(walk, option, NULL);
        } else if (!rule->has_value) {
            rc = rule->action(walk, option, NULL);
        } else if (i + 1 == argv->count) {
            rc = refuse(walk, "%s: its value is missing", option);
        } else {
            rc = rule->action(walk, option, argv->items[++i]);
        }
    }
    return rc;
}

int dm_argv_scan(const struct str_list *argv, struct dm_needs *needs, char error[DM_ERROR_MAX])
{
    struct walk walk = { .needs = needs, .error = error };

    memset(needs, 0, sizeof(*needs));
    needs->restore_fd = -1;
    error[0] = '\0';
    return walk_args(&walk, argv);
}

static int add_toolstack_monitor(struct str_list *out, const char *path)
{
    int rc = str_list_add(out, "-chardev");

    if (!rc)
        rc = str_list_addf(out, "socket,id=stubdom-qmp,path=%s,server=on,wait=off", path);
    if (!rc)
        rc = str_list_add(out, "-mon");
    return rc ? rc : str_list_add(out, "chardev=stubdom-qmp,mode=control");
}

static int add_own_monitor(struct str_list *out, int fd)
{
    int rc = str_list_add(out, "-chardev");

    if (!rc)
        rc = str_list_addf(out, "socket,id=stubdom-own,fd=%d", fd);
    if (!rc)
        rc = str_list_add(out, "-mon");
    return rc ? rc : str_list_add(out, "chardev=stubdom-own,mode=control");
}

static int add_extras(const struct walk *walk)
{
    const struct dm_extras *extras = walk->extras;
    struct str_list *out = walk->out;
    int rc = extras->qmp_path ? add_toolstack_monitor(out, extras->qmp_path) : 0;

    if (!rc && extras->own_qmp_fd >= 0)
        rc = add_own_monitor(out, extras->own_qmp_fd);
    /* Once it is set up, QEMU's Xen handles are good for its guest only. */
    if (!rc)
        rc = str_list_add(out, "-xen-domid-restrict");
    if (!rc && !walk->has_vnc) {
        rc = str_list_add(out, "-vnc");
        if (!rc)
            rc = !extras->vnc_path ? str_list_add(out, "none") :
                 str_list_addf(out, "unix:%s%s", extras->vnc_path,
                               extras->vnc_password ? ",password=on" : "");
    }
    if (!rc && extras->save_fd >= 0) {
        rc = str_list_add(out, "-add-fd");
        if (!rc)
            rc = str_list_addf(out, "fd=%d,set=1,opaque=save", extras->save_fd);
    }
    return rc;
}

int dm_argv_rewrite(const struct str_list *argv, const struct dm_needs *needs,
                    const struct dm_extras *extras, struct str_list *out,
                    char error[DM_ERROR_MAX])
{
    struct dm_needs answers = *needs;
    struct walk walk = { .needs = &answers, .extras = extras, .out = out, .error = error };
    int rc;

    error[0] = '\0';
    rc = str_list_add(out, extras->qemu);
    if (!rc)
        rc = walk_args(&walk, argv);
    return rc ? rc : add_extras(&walk);
}
