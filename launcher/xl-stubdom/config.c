/*
 * config: what a guest's config says that matters to its stub domain. See config.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxlutil.h>

#include "channels.h"
#include "cleanup.h"
#include "disks.h"
#include "firmware.h"
#include "keys.h"
#include "nics.h"
#include "serials.h"
#include "usb.h"
#include "vnc.h"

/* Of /var/log/xen/qemu-dm-NAME--incoming.log, as much as dom0's daemon takes (output-spec.h). */
#define NAME_LENGTH_MAX 220

/* The first xl that takes a NIC's vlan=. */
#define XEN_MINOR_VLAN 19
/* The first one with a release that does not lose the first channel, 4.18.5. */
#define XEN_MINOR_CHANNEL 18

/* MiB that a guest has beside its video memory, at least: with one less libxl has no room for hvmloader. */
#define MEMORY_OTHERS 2
/* Of a guest's event channels: xenstore's, the console's, and one of QEMU's; it has one more for each vCPU. */
#define EVENT_CHANNELS_OTHERS 3

TABLE_BEGINS(libxl_key_names);
const char *const libxl_key_names[KEY_COUNT] = {
    TABLE_ROW(KEY_STUBDOMAIN) = "device_model_stubdomain_override",
    TABLE_ROW(KEY_VERSION) = "device_model_version",
    TABLE_ROW(KEY_DEVICE_MODEL) = "device_model_override",
    TABLE_ROW(KEY_KERNEL) = "stubdomain_kernel",
    TABLE_ROW(KEY_RAMDISK) = "stubdomain_ramdisk",
    TABLE_ROW(KEY_CMDLINE) = "stubdomain_cmdline",
    TABLE_ROW(KEY_MEMORY) = "stubdomain_memory",
};
TABLE_ENDS(libxl_key_names, KEY_COUNT);

TABLE_BEGINS(args_key_names);
const char *const args_key_names[] = {
    TABLE_ROW(ARGS_ALL) = "device_model_args",
    TABLE_ROW(ARGS_HVM) = "device_model_args_hvm",
};
TABLE_ENDS(args_key_names, ARGS_COUNT);

/* A parsed config together with what a message about it needs. */
struct reader {
    XLU_Config *xlu;
    const char *source;
    const struct host_config *host; /* NULL: none */
    struct fault *fault;
};

static int read_whole(int fd, char *buffer, size_t size)
{
    size_t have = 0;

    while (have < size) {
        ssize_t got = read(fd, buffer + have, size - have);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (!got)
            return -EIO; /* it shrank while being read */
        have += got;
    }
    return 0;
}

/* Opens a config and tells its size: xl takes plain files only, and so do we. */
static int open_config(const char *path, size_t *size, struct fault *fault)
{
    struct stat st;
    int fd;

    *size = 0;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st)) {
        int rc = fault_set(fault, -errno, "%s: %s", path, strerror(errno));

        if (fd >= 0)
            close(fd);
        return rc;
    }
    if (strcmp(path, "/dev/null")) {
        if (!S_ISREG(st.st_mode) || st.st_size > CONFIG_SIZE_MAX) {
            close(fd);
            return fault_set(fault, -EINVAL, "%s: %s", path,
                             S_ISREG(st.st_mode) ? "too long for a guest's config"
                                                 : "not a plain file, xl reads no other");
        }
        *size = st.st_size;
    }
    return fd;
}

int config_load(const char *path, const char *extra, char **text, size_t *len, struct fault *fault)
{
    size_t size, extra_len = extra ? strlen(extra) : 0;
    cleanup_close int fd = open_config(path, &size, fault);
    cleanup_free char *buffer = NULL;
    int rc;

    if (fd < 0)
        return fd;
    buffer = malloc(size + extra_len + 3);
    if (!buffer)
        return fault_set(fault, -ENOMEM, "%s: out of memory", path);
    rc = read_whole(fd, buffer, size);
    if (rc)
        return fault_set(fault, rc, "%s: %s", path, strerror(-rc));
    if (extra_len)
        size += sprintf(buffer + size, "\n%s\n", extra);
    *text = steal(buffer);
    *len = size;
    return 0;
}

/* A guest that is restored, or goes to another host, has what it has. */
static bool is_afresh(const struct reader *r)
{
    return r->host && r->host->afresh;
}

/*
 * Finds a key. Returns 1 and *value, 0 when it is absent, or -EINVAL for a list. The value stays
 * libxlutil's.
 */
static int reader_string(const struct reader *r, const char *key, const char **value)
{
    int e = xlu_cfg_get_string(r->xlu, key, value, 1);

    if (e == ESRCH)
        return 0;
    if (e)
        return fault_set(r->fault, -EINVAL, "%s: %s is a list but must be a single value",
                         r->source, key);
    return 1;
}

/* The same, copied; *value becomes NULL when the key is absent. */
static int reader_copy(const struct reader *r, const char *key, char **value)
{
    const char *found = NULL;
    int rc = reader_string(r, key, &found);

    if (rc <= 0)
        return rc;
    *value = strdup(found);
    return *value ? 1 : fault_set(r->fault, -ENOMEM, "%s: out of memory", r->source);
}

/* The same for a number; absent leaves *value alone. Bases as in xl: 0x1f, 017, 15. */
static int reader_long(const struct reader *r, const char *key, long min, long max, long *value)
{
    const char *text = NULL;
    char *end;
    long number;
    int rc = reader_string(r, key, &text);

    if (rc <= 0)
        return rc;
    errno = 0;
    number = strtol(text, &end, 0);
    if (end == text || *end || errno)
        return fault_set(r->fault, -EINVAL, "%s: %s = \"%s\" is not a number", r->source, key,
                         text);
    if (number < min || number > max)
        return fault_set(r->fault, -EINVAL, "%s: %s = %ld must be from %ld to %ld", r->source, key,
                         number, min, max);
    *value = number;
    return 1;
}

/* Both spellings. "none": QEMU in dom0, said so. */
static int read_flavour(struct config *config, const struct reader *r)
{
    const char *text = NULL, *other = NULL;
    char known[80];
    int rc = reader_string(r, "stubdom_flavor", &text);

    if (rc >= 0)
        rc = reader_string(r, "stubdom_flavour", &other);
    if (rc < 0)
        return rc;
    if (text && other && strcmp(text, other))
        return fault_set(r->fault, -EINVAL, "%s: stubdom_flavor = \"%s\", but stubdom_flavour = \"%s\"",
                         r->source, text, other);
    text = text ? text : other;
    if (!text)
        return 0;
    config->in_dom0 = !strcmp(text, "none");
    config->flavour = flavour_find(text);
    if (config->flavour || config->in_dom0)
        return 0;
    flavour_list(known, sizeof(known));
    return fault_set(r->fault, -EINVAL, "%s: stubdom_flavor = \"%s\" is unknown: use %s", r->source,
                     text, known);
}

static const char *const our_keys[] = {
    "stubdom_flavor", "stubdom_flavour", "stubdom_memory", "stubdom_image", "stubdom_firewall",
    "stubdom_cmdline",
};

/* stubdom_* are ours; of the others xl knows more. */
static bool may_be(const char *name, size_t len)
{
    if (len < strlen("stubdom_") || strncmp(name, "stubdom_", strlen("stubdom_")))
        return true;
    return key_is_among(our_keys, sizeof(our_keys) / sizeof(our_keys[0]), name, len);
}

/* A key that begins as ours do and is none: a slip, which xl would ignore. */
static int check_keys(const struct reader *r, const char *text, size_t len)
{
    cleanup_free char *others = keys_others(text, len, may_be);

    if (!others)
        return fault_set(r->fault, -ENOMEM, "%s: out of memory", r->source);
    return *others ? fault_set(r->fault, -EINVAL, "%s: there is no key %s", r->source, others) : 0;
}

/* A config that gives a stub domain's memory means the guest to have a stub domain. */
static int check_no_flavour(const struct config *config, const struct reader *r)
{
    const char *value;

    if (config->flavour || config->in_dom0)
        return 0;
    for (size_t i = 2; i < sizeof(our_keys) / sizeof(our_keys[0]); i++)
        if (xlu_cfg_get_string(r->xlu, our_keys[i], &value, 1) != ESRCH)
            return fault_set(r->fault, -EINVAL,
                             "%s: %s without stubdom_flavor: QEMU would run in dom0 (stubdom_flavor = "
                             "\"none\" says that it is to)", r->source, our_keys[i]);
    return 0;
}

/* xl compares with the length of what the config says: an abbreviation counts. */
static bool names_hvm(const char *text)
{
    return !strncmp(text, "hvm", strlen(text));
}

static int read_hvm(struct config *config, const struct reader *r, const char **type, const char **builder)
{
    if (reader_string(r, "type", type) < 0 || reader_string(r, "builder", builder) < 0)
        return -EINVAL;
    config->hvm = *type ? names_hvm(*type) : *builder && names_hvm(*builder);
    return 0;
}

/* What the host's administrator wants, where the guest's config says nothing. */
static int heed_host(struct config *config, const struct reader *r)
{
    const struct host_config *host = r->host;
    const char *type = NULL, *builder = NULL;
    int rc = read_hvm(config, r, &type, &builder);
    long stub = 0;

    if (rc || !host || !config->hvm || config->flavour)
        return rc;
    rc = reader_long(r, libxl_key_names[KEY_STUBDOMAIN], LONG_MIN, LONG_MAX, &stub);
    if (rc < 0)
        return rc;
    if (!config->in_dom0 && !stub)
        config->flavour = host->flavour;
    if (!host->require || config->flavour || stub)
        return 0;
    return fault_set(r->fault, -EPERM,
                     "%s: this host requires a stub domain for each HVM guest (xl-stubdom.conf), and there is "
                     "no stubdom_flavor", r->source);
}

static int check_hvm(struct config *config, const struct reader *r)
{
    const char *type = NULL, *builder = NULL;

    if (read_hvm(config, r, &type, &builder))
        return -EINVAL;
    if (config->hvm)
        return 0;
    if (type || builder)
        return fault_set(r->fault, -EINVAL,
                         "%s: stubdom_flavor needs an HVM guest, but %s = \"%s\"", r->source,
                         type ? "type" : "builder", type ? type : builder);
    return fault_set(r->fault, -EINVAL,
                     "%s: stubdom_flavor needs an HVM guest: type = \"hvm\" is missing", r->source);
}

/*
 * Of the adapter that has this much video memory by default: libxl refuses less, and QEMU ends when it is another one
 * than these (vga.c takes the next power of two, which libxl has not given to the guest). Of more than 512 MiB vga.c
 * takes 512.
 */
static int check_videoram(const struct reader *r, long standard, long videoram)
{
    bool cirrus = standard == 8;

    if (cirrus ? videoram == 8 || videoram == 16 :
                 videoram >= 512 || (videoram >= 16 && !(videoram & (videoram - 1))))
        return 0;
    return fault_set(r->fault, -EINVAL, "%s: videoram = %ld: QEMU's %s has %s MiB", r->source, videoram,
                     cirrus ? "cirrus" : "stdvga", cirrus ? "8 or 16" : "16, 32, 64, 128, 256 or 512");
}

/*
 * The guest's video memory as libxl will decide it (libxl_create.c,
 * libxl__domain_build_info_setdefault, upstream QEMU).
 */
static int read_video(struct config *config, const struct reader *r)
{
    const char *vga = NULL;
    long stdvga = 0, standard;
    int rc;

    rc = reader_string(r, "vga", &vga);
    if (rc < 0)
        return rc;
    rc = reader_long(r, "stdvga", LONG_MIN, LONG_MAX, &stdvga);
    if (rc < 0)
        return rc;

    if (vga && !strcmp(vga, "none"))
        standard = 0;
    else if (vga && !strcmp(vga, "qxl"))
        standard = 128;
    else if (vga ? !strcmp(vga, "stdvga") : stdvga)
        standard = 16;
    else
        standard = 8;

    config->video = standard;
    rc = reader_long(r, "videoram", 0, STUBDOM_MEMORY_MAX, &config->video);
    if (rc > 0 && standard && is_afresh(r))
        return check_videoram(r, standard, config->video);
    return rc < 0 ? rc : 0;
}

/* What Xen may not have. */
static int read_xen(struct config *config, const struct reader *r)
{
    long hap = 1, vmtrace = 0;
    int rc = reader_long(r, "hap", LONG_MIN, LONG_MAX, &hap);

    xlu_cfg_get_long(r->xlu, "vmtrace_buf_kb", &vmtrace, 1);
    config->shadow = !hap;
    config->vmtrace = vmtrace;
    return rc < 0 ? rc : 0;
}

/* As xl reads them; what is no number is refused elsewhere, or for xl to ignore. */
static void read_needs(struct config *config, const struct reader *r)
{
    struct memory_needs *needs = &config->needs;

    *needs = (struct memory_needs){.guest = 32, .shadow = -1};
    if (xlu_cfg_get_long(r->xlu, "memory", &needs->guest, 1))
        xlu_cfg_get_long(r->xlu, "maxmem", &needs->guest, 1);
    needs->maxmem = needs->guest;
    xlu_cfg_get_long(r->xlu, "maxmem", &needs->maxmem, 1);
    needs->guest = MIN(needs->guest, needs->maxmem);
    xlu_cfg_get_long(r->xlu, "vcpus", &needs->vcpus, 1);
    xlu_cfg_get_long(r->xlu, "maxvcpus", &needs->vcpus, 1);
    config->vcpus_given = needs->vcpus > 0;
    if (!config->vcpus_given)
        needs->vcpus = 1;
    xlu_cfg_get_long(r->xlu, "shadow_memory", &needs->shadow, 1);
    config->devices.vcpus = MIN(needs->vcpus, VCPUS_MAX);
}

/* What libxl does not look at: the guest or its QEMU ends when it is short. */
static int check_needs(const struct config *config, const struct reader *r)
{
    const struct memory_needs *needs = &config->needs;
    long given, channels, least = config->devices.vcpus + EVENT_CHANNELS_OTHERS;
    /* With neither, vnuma= may say how much it is. */
    bool is_given = !xlu_cfg_get_long(r->xlu, "memory", &given, 1) || !xlu_cfg_get_long(r->xlu, "maxmem", &given, 1);

    if (is_given && needs->guest < config->video + MEMORY_OTHERS)
        return fault_set(r->fault, -EINVAL, "%s: %ld MiB of memory are too few: %ld of them are video memory, and the "
                         "firmware takes %d", r->source, needs->guest, config->video, MEMORY_OTHERS);
    if (!xlu_cfg_get_long(r->xlu, "max_event_channels", &channels, 1) && channels > 0 && channels < least)
        return fault_set(r->fault, -EINVAL,
                         "%s: max_event_channels = %ld is too small: with %d vCPUs Xen and QEMU take %ld", r->source,
                         channels, config->devices.vcpus, least);
    return 0;
}

/* A list of the config's has an entry with this text in it. */
static bool list_mentions(const struct reader *r, const char *key, const char *text)
{
    XLU_ConfigList *list;
    int count;

    if (xlu_cfg_get_list(r->xlu, key, &list, &count, 1))
        return false;
    for (int i = 0; i < count; i++) {
        const char *entry = xlu_cfg_get_listitem(list, i);

        if (entry && strstr(entry, text))
            return true;
    }
    return false;
}

/* xl gives a guest's first channel the number of its console, and libxl makes the guest without that channel. */
static int check_channels_of_xl(const struct reader *r)
{
    int xen_minor = r->host->xen_minor;

    if (!xen_minor || xen_minor >= XEN_MINOR_CHANNEL || !list_mentions(r, "channel", ""))
        return 0;
    return fault_set(r->fault, -EINVAL, "%s: channel: xl of Xen 4.%d loses the first one, 4.18.5's does not: remove it",
                     r->source, xen_minor);
}

static int check_new_guest(const struct config *config, const struct reader *r)
{
    return check_needs(config, r) ?: firmware_check(r->xlu, r->source, r->host->firmware, r->fault) ?:
           vnc_check(r->xlu, r->source, r->fault) ?: check_channels_of_xl(r);
}

/* VNC is on unless it is turned off, as in libxl. */
static int read_memory(struct config *config, const struct reader *r)
{
    long vnc = 1;
    int rc = reader_long(r, "vnc", LONG_MIN, LONG_MAX, &vnc);

    if (rc < 0)
        return rc;
    config->memory = config->debug_image ? config->flavour->memory.debug :
                     vnc ? config->flavour->memory.with_vnc : config->flavour->memory.without_vnc;
    rc = reader_long(r, "stubdom_memory", 1, STUBDOM_MEMORY_MAX, &config->memory);
    config->memory_given = rc > 0;
    return rc < 0 ? rc : 0;
}

static int read_disks(struct config *config, const struct reader *r)
{
    const char *type = NULL;
    int rc = reader_string(r, "hdtype", &type);

    if (rc < 0)
        return rc;
    return disks_read(r->xlu, r->source, type && !strcmp(type, "ahci"), r->host, &config->disks,
                      &config->devices.disks, r->fault);
}

static int read_image(struct config *config, const struct reader *r)
{
    const char *image = NULL;
    int rc = reader_string(r, "stubdom_image", &image);

    if (rc <= 0)
        return rc;
    config->debug_image = !strcmp(image, "debug");
    if (!config->debug_image && strcmp(image, "release"))
        return fault_set(r->fault, -EINVAL,
                         "%s: stubdom_image = \"%s\" is unknown: use \"release\" or \"debug\"",
                         r->source, image);
    if (config->debug_image && !config->flavour->debug_ramdisk)
        return fault_set(r->fault, -EINVAL,
                         "%s: stubdom_image = \"debug\": stubdom_flavor = \"%s\" has no such image: %s",
                         r->source, config->flavour->name, config->flavour->no_debug);
    return 0;
}

/* A single string where a list belongs: xl complains about it. */
static int reader_list(const struct reader *r, const char *key, char ***items)
{
    XLU_ConfigList *list;
    int count;

    if (xlu_cfg_get_list(r->xlu, key, &list, &count, 1))
        return 0;
    *items = calloc(count + 1, sizeof(**items));
    for (int i = 0; *items && i < count; i++) {
        const char *text = xlu_cfg_get_listitem(list, i);

        (*items)[i] = strdup(text ? text : "");
        if (!(*items)[i])
            return fault_set(r->fault, -ENOMEM, "%s: out of memory", r->source);
    }
    return *items ? 0 : fault_set(r->fault, -ENOMEM, "%s: out of memory", r->source);
}

/* xl, too, ignores a kernel of this name: old configs have it. */
static bool is_hvmloader(const char *path)
{
    const char *slash = strrchr(path, '/');

    return !strcmp(slash ? slash + 1 : path, "hvmloader");
}

static int read_boot(struct config *config, const struct reader *r)
{
    int rc = reader_copy(r, "kernel", &config->guest_kernel);

    if (rc >= 0)
        rc = reader_copy(r, "ramdisk", &config->guest_ramdisk);
    if (rc < 0)
        return rc;
    if (config->guest_kernel && is_hvmloader(config->guest_kernel)) {
        free(config->guest_kernel);
        config->guest_kernel = NULL;
    }
    for (int key = 0; key < ARGS_COUNT; key++) {
        rc = reader_list(r, args_key_names[key], &config->args[key]);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_keyboard(struct config *config, const struct reader *r)
{
    const char *device;
    XLU_ConfigList *list;
    int rc = reader_string(r, "vkb_device", &device);

    config->vkb_given = rc > 0 || !xlu_cfg_get_list(r->xlu, "vkb", &list, NULL, 1);
    return rc < 0 ? rc : 0;
}

/* An older xl says that it does not know the word, and gives the guest a NIC without a VLAN. */
static int check_vlan(const struct reader *r)
{
    int xen_minor = r->host ? r->host->xen_minor : 0;

    if (!xen_minor || xen_minor >= XEN_MINOR_VLAN || !list_mentions(r, "vif", "vlan="))
        return 0;
    return fault_set(r->fault, -EINVAL, "%s: vif: vlan=: xl of Xen 4.%d ignores it, 4.%d's does not: remove it",
                     r->source, xen_minor, XEN_MINOR_VLAN);
}

/*
 * libxl's name for the stub domain, and xl's for a guest that is on its way here; and what libxl makes no log file of,
 * which it finds out when the guest is half made.
 */
static int check_name(const struct config *config, const struct reader *r)
{
    static const char *const ends[] = {"-dm", "--incoming"};
    size_t len = strlen(config->name);

    if (strchr(config->name, '/'))
        return fault_set(r->fault, -EINVAL, "%s: name = \"%s\": libxl names log files by it: no slash", r->source,
                         config->name);
    if (len > NAME_LENGTH_MAX)
        return fault_set(r->fault, -EINVAL, "%s: name: %zu octets, and libxl names log files by it: at most %d",
                         r->source, len, NAME_LENGTH_MAX);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t end = strlen(ends[i]);

        if (len >= end && !strcmp(config->name + len - end, ends[i]))
            return fault_set(r->fault, -EINVAL,
                             "%s: name = \"%s\": what ends in \"%s\" is the toolstack's to name",
                             r->source, config->name, ends[i]);
    }
    return 0;
}

static int read_keys(struct config *config, const struct reader *r)
{
    long firewall = 1;
    int rc;

    rc = reader_copy(r, "name", &config->name);
    if (rc < 0)
        return rc;
    if (!rc)
        return fault_set(r->fault, -EINVAL, "%s: the guest has no name", r->source);
    rc = reader_copy(r, "uuid", &config->uuid);
    if (rc < 0)
        return rc;
    if ((rc = check_name(config, r)) || (rc = check_hvm(config, r)) ||
        (rc = keys_check(r->xlu, r->source, r->host ? r->host->xen_minor : 0, is_afresh(r), r->fault)) ||
        (rc = read_xen(config, r)) || (rc = read_video(config, r)) || (rc = read_image(config, r)) ||
        (rc = read_memory(config, r)) || (rc = read_disks(config, r)) ||
        (rc = usb_check(r->xlu, r->source, is_afresh(r), r->fault)) ||
        (rc = serials_check(r->xlu, r->source, r->host && r->host->here, r->fault)) ||
        (rc = channels_check(r->xlu, r->source, r->host && r->host->here, r->fault)) || (rc = read_boot(config, r)))
        return rc;

    rc = reader_long(r, "stubdom_firewall", 0, 1, &firewall);
    if (rc < 0)
        return rc;
    config->firewall = firewall;
    read_needs(config, r);
    if ((is_afresh(r) && (rc = check_new_guest(config, r))) || (rc = read_keyboard(config, r)) || (rc = check_vlan(r)))
        return rc;
    rc = nics_read(r->xlu, r->source, firewall, r->host ? &r->host->nics : NULL, &config->devices.nics,
                   &config->vifs, r->fault);
    if (!rc)
        rc = pci_read(r->xlu, r->source, config->flavour, &config->pci, r->fault);
    config->devices.pci = config->pci.count;
    if (!rc)
        rc = devices_check(&config->devices, r->xlu, r->source, r->host ? r->host->max_grant_frames : 0, r->fault);
    if (rc)
        return rc;

    rc = reader_copy(r, "stubdom_cmdline", &config->cmdline);
    if (rc < 0)
        return rc;
    for (int key = 0; key < KEY_COUNT; key++) {
        rc = reader_copy(r, libxl_key_names[key], &config->libxl[key]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* libxlutil says "SOURCE:LINE: …", perhaps several times: the first error is the one to mend. */
static int describe_parse_error(const struct reader *r, const char *report, int e)
{
    int len = strcspn(report, "\n");

    if (!len)
        return fault_set(r->fault, -EINVAL, "%s: does not parse: %s", r->source, strerror(e));
    return fault_set(r->fault, -EINVAL, "%.*s", len, report);
}

static int parse(struct config *config, struct reader *r, const char *text, size_t len)
{
    cleanup_free char *report = NULL;
    size_t report_len;
    FILE *out = open_memstream(&report, &report_len);
    int e, rc;

    if (!out)
        return fault_set(r->fault, -ENOMEM, "%s: out of memory", r->source);
    r->xlu = xlu_cfg_init(out, r->source);
    if (!r->xlu) {
        fclose(out);
        return fault_set(r->fault, -ENOMEM, "%s: out of memory", r->source);
    }
    e = xlu_cfg_readdata(r->xlu, text, len);
    if (e) {
        fflush(out);
        rc = describe_parse_error(r, report, e);
    } else {
        rc = check_keys(r, text, len);
        if (!rc)
            rc = read_flavour(config, r);
        if (!rc)
            rc = heed_host(config, r);
        if (!rc)
            rc = check_no_flavour(config, r);
        if (!rc && config->flavour)
            rc = read_keys(config, r);
        if (!rc && config->flavour) {
            config->unknown = keys_unknown(text, len);
            if (!config->unknown)
                rc = fault_set(r->fault, -ENOMEM, "%s: out of memory", r->source);
        }
    }
    xlu_cfg_destroy(r->xlu);
    fclose(out);
    return rc;
}

int config_init_text(struct config *config, const char *source, const char *text, size_t len,
                     const struct host_config *host, struct fault *fault)
{
    struct reader r = {.source = source, .host = host, .fault = fault};

    memset(config, 0, sizeof(*config));
    config->source = strdup(source);
    if (!config->source)
        return fault_set(fault, -ENOMEM, "%s: out of memory", source);
    return parse(config, &r, text, len);
}

void config_dispose(struct config *config)
{
    free(config->source);
    free(config->name);
    free(config->uuid);
    free(config->cmdline);
    free(config->disks);
    free(config->vifs);
    free(config->unknown);
    free(config->guest_kernel);
    free(config->guest_ramdisk);
    for (int key = 0; key < ARGS_COUNT; key++) {
        for (char **item = config->args[key]; item && *item; item++)
            free(*item);
        free(config->args[key]);
    }
    for (int key = 0; key < KEY_COUNT; key++)
        free(config->libxl[key]);
    memset(config, 0, sizeof(*config));
}

char *config_quote(const char *text)
{
    char *quoted = malloc(2 * strlen(text) + 3), *out = quoted;

    if (!quoted)
        return NULL;
    *out++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\' || *text == '\n')
            *out++ = '\\';
        *out++ = *text == '\n' ? 'n' : *text;
    }
    *out++ = '"';
    *out = '\0';
    return quoted;
}
