/*
 * Rewrites QEMU's arguments for the stub domain (dm-argv.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dm-argv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESTORE_PLACEHOLDER "$STUBDOM_RESTORE_INCOMING_ARG"

/* One walk over the arguments. The scan fills in needs; the rewrite, for which out is set, uses it. */
struct walk {
    struct dm_needs *needs;
    const struct dm_extras *extras;
    struct str_list *out;
    char *error;
    const struct rule *rule; /* the rule of the current option */
    bool has_name, has_vnc, has_no_acpi, has_sound, has_audio;
    unsigned int roms; /* NICs with a boot ROM so far */
};

struct rule {
    const char *option;
    bool has_value;
    int (*action)(struct walk *walk, const char *option, const char *value);
    const char *reason; /* for actions that may refuse: why */
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

/* Writes an option to the output; value may be NULL. While scanning it does nothing. */
static int emit(const struct walk *walk, const char *option, const char *value)
{
    int rc;

    if (!walk->out)
        return 0;
    rc = str_list_add(walk->out, option);
    return rc || !value ? rc : str_list_add(walk->out, value);
}

/* The length of QEMU's next "key=value", in which a doubled comma stands for one. */
static size_t item_length(const char *text)
{
    size_t len = strcspn(text, ",");

    while (text[len] && text[len + 1] == ',')
        len += 2 + strcspn(text + len + 2, ",");
    return len;
}

/* Copies a value; a doubled comma becomes one. 0 or -ENAMETOOLONG. */
static int copy_value(const char *text, size_t len, char *value, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (n + 1 >= size)
            return -ENAMETOOLONG;
        value[n++] = text[i];
        i += text[i] == ',';
    }
    value[n] = '\0';
    return 0;
}

/*
 * Finds key in QEMU's "key=value,key=value" and copies its value. 0, -ENOENT, or -ENAMETOOLONG.
 */
static int find_key(const char *text, const char *key, char *value, size_t size)
{
    size_t key_len = strlen(key);

    while (*text) {
        size_t len = item_length(text);

        if (len > key_len && text[key_len] == '=' && !strncmp(text, key, key_len))
            return copy_value(text + key_len + 1, len - key_len - 1, value, size);
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

static int refuse_always(struct walk *walk, const char *option, const char *value)
{
    return refuse(walk, "%s%s%s: %s", option, value ? " " : "", value ? value : "",
                  walk->rule->reason);
}

/* Is text (up to a comma or a colon) one of these words? */
static bool starts_with_word(const char *text, const char *const *words, size_t count)
{
    size_t len = strcspn(text, ",:");

    for (size_t i = 0; i < count; i++)
        if (strlen(words[i]) == len && !strncmp(text, words[i], len))
            return true;
    return false;
}

/* Allows only "none": nothing else has a counterpart in the stub domain. */
static int refuse_but_none(struct walk *walk, const char *option, const char *value)
{
    static const char *const words[] = { "none", "null", "driver=none" };

    if (starts_with_word(value, words, ARRAY_SIZE(words)))
        return emit(walk, option, value);
    return refuse_always(walk, option, value);
}

/* libxl's -chardev for channel=. dom0's daemon serves it; the guest has a Xen console for it. */
static bool is_libxls_channel(const char *value)
{
    return !strncmp(value, "pty,id=libxl-channel", strlen("pty,id=libxl-channel")) ||
           !strncmp(value, "socket,id=libxl-channel", strlen("socket,id=libxl-channel"));
}

/* Allows the backends that need nothing of dom0's. stdio is the stub domain's log. */
static int check_chardev(struct walk *walk, const char *option, const char *value)
{
    static const char *const words[] = {
        "none", "null", "stdio", "vc", "ringbuf", "memory", "chardev", "msmouse", "testdev",
    };

    if (starts_with_word(value, words, ARRAY_SIZE(words)))
        return emit(walk, option, value);
    return refuse_always(walk, option, value);
}

static int drop_channel(struct walk *walk, const char *option, const char *value)
{
    if (!is_libxls_channel(value))
        return check_chardev(walk, option, value);
    walk->needs->channel = value;
    return 0;
}

/* For options with many kinds of values: refuses those that name a file. */
static int check_no_file(struct walk *walk, const char *option, const char *value)
{
    static const char *const keys[] = {
        "file", "filename", "path", "mem-path", "romfile", "splash", "evdev", "dir",
    };
    char file[DM_PATH_MAX];

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        int rc = find_key(value, keys[i], file, sizeof(file));

        if (rc == -ENAMETOOLONG || (rc == 0 && file[0]))
            return refuse_always(walk, option, value);
    }
    return emit(walk, option, value);
}

static bool is_stub_disk(const char *file)
{
    return !strncmp(file, "/dev/xvd", 8) && file[8] >= 'a' && file[8] <= 'z' && !file[9];
}

static int check_disk_file(struct walk *walk, const char *option, const char *value)
{
    if (!is_stub_disk(value))
        return refuse_always(walk, option, value);
    walk->needs->disks[value[8] - 'a'] = true;
    return emit(walk, option, value);
}

/* The file is fetched from dom0 before QEMU is started (boot-files.h). */
static int take_file(struct walk *walk, enum dm_file_kind kind, const char *option,
                     const char *value)
{
    struct dm_file *file = &walk->needs->files[kind];

    if (walk->out)
        return file->path[0] ? emit(walk, option, file->path)
                             : refuse(walk, "%s %s: it has not been fetched", option, value);
    if (file->name)
        return refuse(walk, "%s %s: given twice, the other one is %s", option, value, file->name);
    file->name = value;
    return 0;
}

static int take_kernel(struct walk *walk, const char *option, const char *value)
{
    return take_file(walk, DM_FILE_KERNEL, option, value);
}

static int take_initrd(struct walk *walk, const char *option, const char *value)
{
    return take_file(walk, DM_FILE_INITRD, option, value);
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

    if (!strncmp(value, "hubport,", 8))
        return emit(walk, option, value);
    /* Only libxl's own taps have a counterpart in the stub domain. */
    if (find_key(value, "type", type, sizeof(type)) || strcmp(type, "tap") ||
        find_key(value, "id", id, sizeof(id)) || strncmp(id, "net", 3) ||
        parse_uint(id + 3, UINT16_MAX, &devid))
        return refuse_always(walk, option, value);
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
static int note_disk(struct walk *walk, const char *option, const char *value, const char *file)
{
    bool *disk;

    if (!is_stub_disk(file))
        return strcmp(file, "/dev/null") ? refuse_always(walk, option, value) : 0;
    disk = &walk->needs->disks[file[8] - 'a'];
    if (!walk->out && *disk)
        return refuse(walk, "%s %s: %s is given twice; hd%c and sd%c are the same disk here",
                      option, value, file, file[8], file[8]);
    *disk = true;
    return 0;
}

/*
 * A disk that the guest can write to gets direct I/O if the flavour has a cache, unless a -drive of the user's says
 * otherwise. With libxl's cache=writeback the guest's data would stay in the stub domain's page cache: it would be lost
 * with the stub domain, and errors of dom0's disk would be reported too late. The guest still sees a write cache that
 * it must flush.
 */
static int rewrite_drive(struct walk *walk, const char *option, const char *value)
{
    static const char libxls[] = ",cache=writeback";
    const char *cache = strstr(value, libxls);
    size_t before = cache ? (size_t)(cache - value) : strlen(value);
    cleanup_free char *changed = NULL;
    char text[DM_PATH_MAX];

    if (strcmp(option, "-drive") || find_key(value, "file", text, sizeof(text)) ||
        !is_stub_disk(text))
        return emit(walk, option, value);
    if (!find_key(value, "readonly", text, sizeof(text)) && !strcmp(text, "on"))
        return emit(walk, option, value);
    if (find_key(value, "cache", text, sizeof(text)) != -ENOENT &&
        !(cache && !strcmp(text, "writeback")))
        return emit(walk, option, value);
    if (!walk->out) /* scanning */
        return 0;
    if (asprintf(&changed, "%.*s,%s%s", (int)before, value,
                 walk->extras->disk_options, cache ? cache + strlen(libxls) : "") < 0)
        return -ENOMEM;
    return emit(walk, option, changed);
}

/* file= of -blockdev names another -blockdev. */
static int check_drive(struct walk *walk, const char *option, const char *value)
{
    static const char *const keys[] = { "file", "filename", "file.filename" };
    bool named = !strcmp(option, "-blockdev");
    char file[DM_PATH_MAX];

    for (size_t i = named ? 1 : 0; i < ARRAY_SIZE(keys); i++) {
        int rc = find_key(value, keys[i], file, sizeof(file));

        if (rc == -ENAMETOOLONG)
            return refuse_always(walk, option, value);
        if (!rc)
            rc = note_disk(walk, option, value, file);
        if (rc != 0 && rc != -ENOENT)
            return rc;
    }
    return rewrite_drive(walk, option, value);
}

static int rewrite_serial(struct walk *walk, const char *option, const char *value)
{
    struct dm_needs *needs = walk->needs;
    unsigned int console;

    if (strncmp(value, "/dev/hvc", 8) || parse_uint(value + 8, 255, &console))
        return check_chardev(walk, option, value);
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

    if (!strcmp(value, "defer"))
        return emit(walk, option, value);
    if (strcmp(value, RESTORE_PLACEHOLDER))
        return refuse_always(walk, option, value);
    walk->needs->restore = true;
    snprintf(fd, sizeof(fd), "fd:%d", walk->needs->restore_fd);
    return emit(walk, option, fd);
}

/*
 * The first -name is libxl's. It has the guest's name unescaped, so QEMU would take a comma or an equals sign in it for
 * syntax. A second one is the user's, who is expected to know QEMU's syntax.
 */
static int rewrite_name(struct walk *walk, const char *option, const char *value)
{
    cleanup_free char *text = NULL;
    char *end;

    if (walk->has_name)
        return emit(walk, option, value);
    walk->has_name = true;
    text = malloc(sizeof("guest=") + 2 * strlen(value));
    if (!text)
        return -ENOMEM;
    end = stpcpy(text, "guest=");
    for (; *value; value++) {
        if (*value == ',')
            *end++ = ',';
        *end++ = *value;
    }
    *end = '\0';
    return emit(walk, option, text);
}

static int note_vnc(struct walk *walk, const char *option, const char *value)
{
    walk->has_vnc = true;
    return refuse_but_none(walk, option, value);
}

static int note_audio(struct walk *walk, const char *option, const char *value)
{
    walk->has_audio = true;
    return refuse_but_none(walk, option, value);
}

/* libxl: e1000,id=nic0,netdev=net0,mac=… */
static bool is_libxls_nic(const char *value)
{
    char id[16], netdev[16];

    return !find_key(value, "id", id, sizeof(id)) && !strncmp(id, "nic", 3) &&
           !find_key(value, "netdev", netdev, sizeof(netdev)) && !strncmp(netdev, "net", 3);
}

/*
 * A NIC's boot ROM takes 256 KiB of guest memory, for which libxl does not account: after a few of them Xen refuses
 * more. The BIOS boots from the first NICs, so the others need no ROM.
 */
static int rewrite_nic(struct walk *walk, const char *option, const char *value)
{
    cleanup_free char *changed = NULL;

    if (walk->roms++ < DM_MAX_ROMS)
        return emit(walk, option, value);
    if (asprintf(&changed, "%s,romfile=", value) < 0)
        return -ENOMEM;
    return emit(walk, option, changed);
}

/* libxl gives a sound card no audio backend. Without one QEMU does not start. */
static int check_device(struct walk *walk, const char *option, const char *value)
{
    static const char *const sound[] = {
        "AC97", "ac97", "ES1370", "es1370", "adlib", "cs4231a", "gus", "sb16", "hda-duplex",
        "hda-micro", "hda-output",
    };
    static const char *const of_dom0[] = { "usb-host", "vfio-pci", "scsi-generic", "scsi-block" };
    char rom[2];

    if (starts_with_word(value, of_dom0, ARRAY_SIZE(of_dom0)))
        return refuse(walk, "%s %s: a device of dom0's, which the stub domain cannot reach",
                      option, value);
    if (starts_with_word(value, sound, ARRAY_SIZE(sound)))
        walk->has_sound = true;
    if (is_libxls_nic(value) && find_key(value, "romfile", rom, sizeof(rom)) == -ENOENT)
        return rewrite_nic(walk, option, value);
    return check_no_file(walk, option, value);
}

static int check_usbdevice(struct walk *walk, const char *option, const char *value)
{
    static const char *const emulated[] = { "tablet", "mouse", "keyboard" };

    if (starts_with_word(value, emulated, ARRAY_SIZE(emulated)) && !strpbrk(value, ",:"))
        return emit(walk, option, value);
    return refuse_always(walk, option, value);
}

static int note_no_acpi(struct walk *walk, const char *option, const char *value)
{
    walk->has_no_acpi = true;
    return 0;
}

/* Adds what -no-acpi said, which comes before -machine in libxl's list. */
static int rewrite_machine(struct walk *walk, const char *option, const char *value)
{
    cleanup_free char *changed = NULL;

    if (!walk->has_no_acpi)
        return emit(walk, option, value);
    if (asprintf(&changed, "%s,acpi=off", value) < 0)
        return -ENOMEM;
    return emit(walk, option, changed);
}

#define DOM0_FILE "a file of dom0, which the stub domain cannot see"
#define NO_NETWORK "the stub domain has no network of its own"
#define NO_SCREEN "the stub domain has no screen; vnc= in the config gives the guest one"
#define NO_PEER "nobody can reach it in the stub domain"

static const struct rule rules[] = {
    /* The number must be our guest's: another one would attach QEMU to another domain. */
    { "-xen-domid", true, check_domid, NULL },
    /* dom0's tap, bridge and script do not exist here; the vif is joined to QEMU by us. */
    { "-netdev", true, rewrite_netdev, NO_NETWORK "; vif= in the config gives the guest a NIC" },
    { "-net", true, refuse_but_none, NO_NETWORK },
    { "-nic", true, refuse_but_none, NO_NETWORK },
    /* A disk is named as in the stub domain. One that it does not have cannot be opened. */
    { "-drive", true, check_drive, DOM0_FILE "; it has the disks of disk= as /dev/xvdX" },
    { "-blockdev", true, check_drive, DOM0_FILE "; it has the disks of disk= as /dev/xvdX" },
    { "-hda", true, check_disk_file, DOM0_FILE },
    { "-hdb", true, check_disk_file, DOM0_FILE },
    { "-hdc", true, check_disk_file, DOM0_FILE },
    { "-hdd", true, check_disk_file, DOM0_FILE },
    { "-cdrom", true, check_disk_file, DOM0_FILE },
    { "-fda", true, check_disk_file, DOM0_FILE },
    { "-fdb", true, check_disk_file, DOM0_FILE },
    { "-sd", true, check_disk_file, DOM0_FILE },
    { "-mtdblock", true, check_disk_file, DOM0_FILE },
    { "-pflash", true, check_disk_file, DOM0_FILE },
    /* A console's name depends on the flavour. */
    { "-serial", true, rewrite_serial, NO_PEER "; serial= in the config is served by dom0" },
    { "-parallel", true, check_chardev, NO_PEER },
    { "-debugcon", true, check_chardev, NO_PEER "; \"stdio\" is the stub domain's log" },
    { "-chardev", true, drop_channel, NO_PEER },
    { "-monitor", true, refuse_but_none, NO_PEER "; use xl qemu-monitor-command" },
    { "-qmp", true, refuse_but_none, NO_PEER },
    { "-qmp-pretty", true, refuse_but_none, NO_PEER },
    { "-qtest", true, refuse_but_none, NO_PEER },
    { "-gdb", true, refuse_but_none, NO_NETWORK },
    { "-s", false, refuse_always, NO_NETWORK },
    { "-incoming", true, rewrite_incoming, NO_PEER },
    { "-add-fd", true, refuse_always, "nobody hands the stub domain an open file" },
    /* Files of dom0 that are fetched. */
    { "-kernel", true, take_kernel, NULL },
    { "-initrd", true, take_initrd, NULL },
    /* Files of dom0 that are not fetched. */
    { "-bios", true, refuse_always, DOM0_FILE "; bios= in the config chooses the firmware" },
    { "-dtb", true, refuse_always, DOM0_FILE },
    { "-option-rom", true, refuse_always, DOM0_FILE },
    { "-L", true, refuse_always, DOM0_FILE },
    { "-readconfig", true, refuse_always, DOM0_FILE },
    { "-mem-path", true, refuse_always, DOM0_FILE },
    { "-D", true, refuse_always, DOM0_FILE "; QEMU's messages are in the stub domain's log" },
    { "-pidfile", true, refuse_always, DOM0_FILE },
    { "-plugin", true, refuse_always, DOM0_FILE },
    { "-dump-vmstate", true, refuse_always, DOM0_FILE },
    { "-boot", true, check_no_file, DOM0_FILE },
    { "-snapshot", false, refuse_always,
      "the stub domain has no place for what the guest writes then" },
    { "-loadvm", true, refuse_always, "raw disks have no snapshots; use xl save and xl restore" },
    { "-fsdev", true, refuse_always, "a folder of dom0, which the stub domain cannot see" },
    { "-virtfs", true, refuse_always, "a folder of dom0, which the stub domain cannot see" },
    { "-tpmdev", true, refuse_always, "a device of dom0's, which the stub domain cannot reach" },
    { "-object", true, check_no_file, DOM0_FILE },
    { "-fw_cfg", true, check_no_file, DOM0_FILE },
    { "-smbios", true, check_no_file, DOM0_FILE },
    { "-acpitable", true, refuse_always, DOM0_FILE },
    { "-trace", true, check_no_file, DOM0_FILE },
    { "-device", true, check_device, DOM0_FILE },
    /* dom0's own buses and screens. */
    { "-usbdevice", true, check_usbdevice,
      "the stub domain can emulate \"tablet\", \"mouse\" and \"keyboard\" only" },
    { "-display", true, refuse_but_none, NO_SCREEN },
    { "-sdl", false, refuse_always, NO_SCREEN },
    { "-curses", false, refuse_always, NO_SCREEN },
    { "-spice", true, refuse_always, NO_NETWORK "; VNC is carried to dom0, SPICE is not" },
    { "-audiodev", true, note_audio, "the stub domain has no sound; VNC viewers hear the guest" },
    { "-audio", true, note_audio, "the stub domain has no sound; VNC viewers hear the guest" },
    { "-daemonize", false, refuse_always, "the stub domain ends when the program it started ends" },
    /* Of dm_restrict=1. They name users and folders of dom0. Here we always confine QEMU ourselves. */
    { "-xen-domid-restrict", false, drop, NULL },
    { "-runas", true, drop, NULL },
    { "-chroot", true, drop, NULL },
    { "-run-with", true, drop, NULL },
    /* QEMU 9 has a machine property in its place; libxl 4.20 still uses the option. */
    { "-no-acpi", false, note_no_acpi, NULL },
    { "-machine", true, rewrite_machine, NULL },
    /* We choose where QEMU serves VNC. */
    { "-vnc", true, note_vnc, NO_NETWORK "; vnc=, vnclisten= and vncdisplay= are served by dom0" },
    { "-name", true, rewrite_name, NULL },
    /* Passed on. It is in the table because its value may look like an option. */
    { "-append", true, keep, NULL },
};

/* QEMU takes its options with two dashes as well. */
static const struct rule *find_rule(const char *option)
{
    option += option[0] == '-' && option[1] == '-';
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

        walk->rule = rule;
        if (!rule) {
            rc = emit(walk, option, NULL);
        } else if (!rule->has_value) {
            rc = rule->action(walk, rule->option, NULL);
        } else if (i + 1 == argv->count) {
            rc = refuse(walk, "%s: its value is missing", option);
        } else {
            rc = rule->action(walk, rule->option, argv->items[++i]);
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

/*
 * Users must not give options that say which domain is served, or where: dom0's daemon reads these from libxl's
 * arguments, too.
 */
static int check_whose(struct walk *walk, const struct str_list *argv)
{
    static const char *const theirs[] = { "-xen-domid", "-xen-attach", "-vnc", "-S" };
    static const char *const machines[] = { "xenpv", "none,accel=xen" };

    for (size_t i = 0; i < argv->count; i++) {
        const char *option = argv->items[i];

        option += option[0] == '-' && option[1] == '-';
        for (size_t n = 0; n < ARRAY_SIZE(theirs); n++)
            if (!strcmp(option, theirs[n]))
                return refuse(walk, "%s: this is the toolstack's to say", argv->items[i]);
        for (size_t n = 0; n < ARRAY_SIZE(machines); n++)
            if (!strcmp(option, machines[n]))
                return refuse(walk, "-machine %s: this is the toolstack's to say", option);
    }
    return 0;
}

int dm_argv_check_extras(const struct str_list *argv, char error[DM_ERROR_MAX])
{
    struct dm_needs needs;
    struct walk walk = { .needs = &needs, .error = error };
    int rc = check_whose(&walk, argv);

    rc = rc ?: dm_argv_scan(argv, &needs, error);
    if (rc)
        return rc;
    for (int i = 0; i < DM_FILES; i++)
        if (needs.files[i].name)
            return refuse(&walk, "%s %s: say %s = in the config instead",
                          i == DM_FILE_KERNEL ? "-kernel" : "-initrd", needs.files[i].name,
                          i == DM_FILE_KERNEL ? "kernel" : "ramdisk");
    if (needs.channel)
        return refuse(&walk, "-chardev %s: " NO_PEER "; channel= in the config is served by dom0", needs.channel);
    if (needs.nic_count)
        return refuse(&walk, "-netdev type=tap,id=net%u: " NO_NETWORK "; vif= in the config gives "
                      "the guest a NIC", needs.nics[0].devid);
    if (needs.serial_count)
        return refuse(&walk, "-serial /dev/hvc%u: " NO_PEER "; serial= in the config is served "
                      "by dom0", needs.serials[0].console);
    return 0;
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
    /* With this QEMU restricts its Xen handles to its guest once it is set up. */
    if (!rc)
        rc = str_list_add(out, "-xen-domid-restrict");
    if (!rc && !walk->has_vnc) {
        rc = str_list_add(out, "-vnc");
        if (!rc)
            rc = !extras->vnc_path ? str_list_add(out, "none") :
                 str_list_addf(out, "unix:%s%s", extras->vnc_path,
                               extras->vnc_password ? ",password=on" : "");
    }
    if (!rc && walk->has_sound && !walk->has_audio) {
        rc = str_list_add(out, "-audio");
        if (!rc)
            rc = str_list_add(out, "none");
    }
    if (!rc && extras->save_fd >= 0) {
        rc = str_list_add(out, "-add-fd");
        if (!rc)
            rc = str_list_addf(out, "fd=%d,set=1,opaque=save", extras->save_fd);
    }
    for (size_t i = 0; !rc && extras->options && extras->options[i]; i++)
        rc = str_list_add(out, extras->options[i]);
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
