/*
 * The life of one device model (device-model.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "device-model.h"

#include "frame-filter.h"
#include "log.h"
#include "xs-read.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <xenstore.h>

/* The platform reports new devices; this is in case a report is missed. */
#define RECHECK_MS 100

/*
 * libxl gives up 30 s after it has started the stub domain. Before, the log must say what is missing.
 */
TABLE_BEGINS(states);
static const struct {
    const char *waiting_for; /* NULL: dm->missing has it */
    int deadline_ms; /* 0: none */
    bool fatal;
} states[] = {
    TABLE_ROW(DM_ARGS) = { "the toolstack to write target and dm-argv", 10000, true },
    TABLE_ROW(DM_FETCHING) = { NULL, 25000, true },
    TABLE_ROW(DM_DEVICES) = { NULL, 15000, true },
    TABLE_ROW(DM_STARTING) = { "QEMU to say that it is running", 10000, false },
    TABLE_ROW(DM_RUNNING) = { "the end", 0, false },
    TABLE_ROW(DM_ENDED) = { "power off", 0, false },
};
TABLE_ENDS(states, DM_STATE_COUNT);

static void enter(struct device_model *dm, enum dm_state state)
{
    dm->state = state;
    loop_stop_timer(dm->loop, &dm->deadline);
    if (states[state].deadline_ms)
        loop_start_timer(dm->loop, &dm->deadline, states[state].deadline_ms);
}

/* Tells whoever looks from dom0 why there is no device model (docs/stub-domain.md). */
static void leave_note(struct device_model *dm, const char *reason)
{
    char path[XENSTORE_PATH_MAX];

    if (!dm->guest)
        return;
    snprintf(path, sizeof(path), "device-model/%u/error", dm->guest);
    if (xenstore_write(dm->xs, path, reason))
        log_warning("cannot write %s to xenstore", path);
}

/*
 * Without its device model the guest would hang in its next access to a device, so it
 * is shut down with a reason that makes xl's on_crash run.
 */
static void finish(struct device_model *dm, const char *reason)
{
    int rc = 0;

    enter(dm, DM_ENDED);
    boot_files_stop(&dm->files);
    vchan_bridge_stop(&dm->qmp);
    vnc_slots_stop(&dm->vnc);
    qmp_client_dispose(&dm->own_qmp);
    state_save_close(&dm->save);
    state_restore_close(&dm->restore);
    log_error("%s", reason);
    leave_note(dm, reason);
    if (dm->guest)
        rc = dm->platform->ops->guest_crash(dm->platform, dm->guest);
    if (rc == -ESRCH)
        log_info("guest %u is gone", dm->guest);
    else if (rc)
        log_error("cannot shut down guest %u: %s", dm->guest, strerror(-rc));
    else if (dm->guest)
        log_info("guest %u was shut down, reason crash", dm->guest);
    log_info("powering off");
    dm->platform->ops->power_off(dm->platform);
}

static void fail(struct device_model *dm, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void fail(struct device_model *dm, const char *fmt, ...)
{
    char reason[LOG_LINE_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    finish(dm, reason);
}

static void deadline_passed(void *data)
{
    struct device_model *dm = data;
    const char *detail = states[dm->state].waiting_for ?: dm->missing;
    int seconds = states[dm->state].deadline_ms / 1000;

    if (dm->state == DM_FETCHING)
        boot_files_describe(&dm->files, dm->missing, sizeof(dm->missing));

    if (states[dm->state].fatal)
        fail(dm, "waited %d s for %s: giving up", seconds, detail);
    else
        log_warning("waited %d s for %s; still waiting", seconds, detail);
}

static int connect_qmp(void *data)
{
    struct device_model *dm = data;

    return dm->platform->ops->qemu_connect(dm->platform, QEMU_SOCKET_QMP);
}

static int connect_vnc(void *data)
{
    struct device_model *dm = data;

    return dm->platform->ops->qemu_connect(dm->platform, QEMU_SOCKET_VNC);
}

/* The toolstack keeps the password in the backend's folder of the stub domain's display. */
static int read_vnc_password(struct device_model *dm, const char *backend)
{
    char path[XENSTORE_PATH_MAX];
    cleanup_free char *password = NULL;
    int rc = format_text(path, sizeof(path), "%s/vncpasswd", backend);

    if (rc)
        return rc;
    rc = xenstore_read(dm->xs, path, &password);
    if (rc)
        return rc == -ENOENT ? 0 : rc;
    rc = format_text(dm->vnc_password, sizeof(dm->vnc_password), "%s", password);
    explicit_bzero(password, strlen(password));
    return rc;
}

/*
 * Holds QEMU's QMP messages back until dom0 has stored the saved state. One of them says that the state is saved, and
 * then the toolstack reads the file at once.
 */
static bool qmp_is_held(void *data)
{
    struct device_model *dm = data;

    if (dm->save.last)
        return dm->state != DM_ENDED;
    return !state_save_settle(&dm->save);
}

static void quits(void *data, bool ok, const char *reply)
{
}

/*
 * If the state could not be stored, the toolstack must not get QEMU's "saved". Its connection ends, which it takes for
 * a failure.
 */
static void state_settled(void *data, bool stored)
{
    struct device_model *dm = data;

    /*
     * After a soft reset the guest goes on with another QEMU. This one's end frees its ioreq server, of which a guest
     * can have eight. It must end now, because libxl pauses us next.
     */
    dm->save.last = dm->save.last &&
                    !qmp_client_send(&dm->own_qmp, "{\"execute\":\"quit\"}", -1, quits, dm);
    if (dm->save.last)
        return;
    if (stored) {
        vchan_bridge_resume(&dm->qmp);
        return;
    }
    log_error("QEMU's state is not stored: hanging up on the toolstack");
    vchan_bridge_drop(&dm->qmp);
}

static void state_restored(void *data, int rc)
{
    struct device_model *dm = data;

    if (rc)
        fail(dm, "restored state: not whole: %zu bytes came from dom0: %s",
             dm->restore.carried, strerror(-rc));
    else
        log_info("restored state: QEMU has all %zu bytes", dm->restore.carried);
}

/* Starts the vchan servers for dom0: QMP always, VNC if the toolstack gave us a display. */
static int init_services(struct device_model *dm)
{
    char path[XENSTORE_PATH_MAX];
    cleanup_free char *display = NULL;
    unsigned int self;
    int rc = xenstore_read_uint(dm->xs, "domid", UINT16_MAX, &self);

    if (rc)
        return rc;
    snprintf(path, sizeof(path), "/local/domain/%u/device-model/%u/" WIRE_QMP, self, dm->guest);
    rc = vchan_bridge_init(&dm->qmp, &(struct vchan_bridge_config){
        .loop = dm->loop, .xs = dm->xs, .path = path, .name = "QMP",
        .client = 0, .connect = connect_qmp, .held = qmp_is_held, .data = dm,
    });
    if (rc || xenstore_read(dm->xs, "device/vfb/0/backend", &display))
        return rc;
    rc = read_vnc_password(dm, display);
    if (rc)
        return rc;
    snprintf(path, sizeof(path), "/local/domain/%u/device-model/%u/" WIRE_VNC, self, dm->guest);
    return vnc_slots_init(&dm->vnc, dm->loop, dm->xs, path, connect_vnc, dm);
}

/*
 * QEMU is restricted to its guest, and cannot write to xenstore the "running" that libxl waits for. So we write it,
 * after QEMU has given up the privileges that it needed only at its start.
 */
static void became_running(struct device_model *dm)
{
    char path[XENSTORE_PATH_MAX];
    int rc;

    /* QEMU has read the boot files. They are removed now, because the file system becomes read-only. */
    if (dm->needs.files[DM_FILE_KERNEL].name || dm->needs.files[DM_FILE_INITRD].name)
        dm->platform->ops->files_remove(dm->platform);
    rc = dm->platform->ops->qemu_confine(dm->platform);
    if (rc) {
        fail(dm, "QEMU keeps the privileges that it needed only to start: %s", strerror(-rc));
        return;
    }
    snprintf(path, sizeof(path), "device-model/%u/state", dm->guest);
    rc = xenstore_write(dm->xs, path, "running");
    if (rc) {
        fail(dm, "cannot write %s to xenstore: %s", path, strerror(-rc));
        return;
    }
    log_info("QEMU is running");
    enter(dm, DM_RUNNING);
    vchan_bridge_start(&dm->qmp);
    vnc_slots_start(&dm->vnc);
    cdroms_init(&dm->cdroms, dm->platform, dm->xs, &dm->own_qmp);
}

static void status_arrived(void *data, bool ok, const char *reply)
{
    struct device_model *dm = data;

    if (dm->state == DM_STARTING && ok && strstr(reply, "\"status\": \"running\""))
        became_running(dm);
}

static void ask_status(struct device_model *dm)
{
    int rc = qmp_client_send(&dm->own_qmp, "{\"execute\":\"query-status\"}", -1, status_arrived, dm);

    if (rc)
        log_error("cannot ask QEMU for its status: %s", strerror(-rc));
}

static void password_set(void *data, bool ok, const char *reply)
{
    /* QEMU was started to demand a password, and has none: it lets no viewer in. */
    if (!ok)
        log_error("VNC: QEMU does not take the password; no viewer can connect");
}

/* Sends the password as a JSON string. UTF-8 needs no escapes. */
static void set_vnc_password(struct device_model *dm)
{
    char command[QMP_COMMAND_MAX] = "{\"execute\":\"change-vnc-password\","
                                    "\"arguments\":{\"password\":\"";
    size_t n = strlen(command);

    if (!dm->vnc_password[0])
        return;
    for (const char *p = dm->vnc_password; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == '"' || *p == '\\')
            n += sprintf(command + n, "\\u%04x", (unsigned char)*p);
        else
            command[n++] = *p;
    strcpy(command + n, "\"}}");
    if (qmp_client_send(&dm->own_qmp, command, -1, password_set, dm))
        password_set(dm, false, NULL);
    explicit_bzero(command, sizeof(command));
    explicit_bzero(dm->vnc_password, sizeof(dm->vnc_password));
}
_Static_assert(QMP_COMMAND_MAX > 80 + 6 * VNC_PASSWORD_MAX, "an escaped password must fit");

/* QEMU is restricted to its guest, and cannot tell Xen that the guest sleeps. So we do. */
static void sleep_guest(struct device_model *dm, unsigned int s_state)
{
    int rc = dm->platform->ops->guest_sleep(dm->platform, dm->guest, s_state);

    if (rc)
        log_error("cannot put guest %u into ACPI state S%u: %s", dm->guest, s_state,
                  strerror(-rc));
    else
        log_info("guest %u is in ACPI state S%u", dm->guest, s_state);
}

/* A restored guest can run when QEMU has loaded its state. */
static void qemu_event(void *data, const char *line)
{
    struct device_model *dm = data;

    if (dm->state == DM_STARTING && strstr(line, "\"event\": \"RESUME\""))
        ask_status(dm);
    else if (dm->state == DM_RUNNING && strstr(line, "\"event\": \"SUSPEND\""))
        sleep_guest(dm, 3);
    else if (dm->state == DM_RUNNING && strstr(line, "\"event\": \"WAKEUP\""))
        sleep_guest(dm, 0);
}

/* Our own monitor is a pair of sockets: it needs no path, and we need not wait until QEMU listens. */
static int open_own_monitor(struct device_model *dm, int *qemu_fd)
{
    int ends[2], rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    rc = dm->platform->ops->qemu_inherit(dm->platform, ends[1]);
    if (rc) {
        close(ends[0]);
        close(ends[1]);
        return rc;
    }
    *qemu_fd = ends[1];
    return qmp_client_open(&dm->own_qmp, ends[0]);
}

static void start_qemu(struct device_model *dm)
{
    struct dm_extras extras = {
        .guest = dm->guest,
        .qemu = dm->platform->qemu,
        .disk_options = dm->platform->disk_options,
        .options = dm->platform->qemu_options,
        .qmp_path = dm->platform->qmp_path,
        .own_qmp_fd = -1,
        .vnc_path = dm->vnc.initialised ? dm->platform->vnc_path : NULL,
        .vnc_password = dm->vnc_password[0] != '\0',
        .save_fd = dm->save_fd,
    };
    cleanup_str_list struct str_list argv;
    char error[DM_ERROR_MAX] = "";
    int rc;

    str_list_init(&argv);
    rc = open_own_monitor(dm, &extras.own_qmp_fd);
    if (!rc)
        rc = dm_argv_rewrite(&dm->argv, &dm->needs, &extras, &argv, error);
    if (rc) {
        fail(dm, "QEMU's arguments: %s", error[0] ? error : strerror(-rc));
        return;
    }
    for (size_t i = 0; i < argv.count; i++)
        log_debug("argument %zu: %s", i, argv.items[i]);
    log_info("starting QEMU, %zu arguments, %llu KiB of memory are left", argv.count,
             (unsigned long long)dm->platform->ops->memory_available(dm->platform) >> 10);
    enter(dm, DM_STARTING);
    rc = dm->platform->ops->qemu_start(dm->platform, argv.items);
    if (rc) {
        fail(dm, "cannot start QEMU: %s", strerror(-rc));
        return;
    }
    set_vnc_password(dm);
    ask_status(dm);
}

/* 0, or -ENOTSUP: the disk will never appear. */
static int check_backend(struct device_model *dm, unsigned int disk)
{
    unsigned int count = 0, devid;
    cleanup_free char **names = xs_directory(dm->xs, XBT_NULL, "device/vbd", &count);

    for (unsigned int i = 0; names && i < count; i++)
        if (!parse_uint(names[i], UINT32_MAX, &devid) && vbd_disk(devid) == (int)disk &&
            vbd_is_unserved(dm->xs, devid)) {
            snprintf(dm->missing, sizeof(dm->missing),
                     "disk xvd%c: backend qdisk, not backendtype=phy", 'a' + disk);
            return -ENOTSUP;
        }
    return 0;
}

/* check_*(): 0, -EAGAIN with dm->missing set, or another error. */
static int check_disks(struct device_model *dm)
{
    for (unsigned int i = 0; i < DM_MAX_DISKS; i++) {
        int rc = dm->needs.disks[i] ? dm->platform->ops->disk_check(dm->platform, i) : 0;

        if (rc) {
            snprintf(dm->missing, sizeof(dm->missing), "disk xvd%c", 'a' + i);
            return rc == -EAGAIN && check_backend(dm, i) ? -ENOTSUP : rc;
        }
    }
    return 0;
}

/* Reads the vif's ip=. *ip stays NULL if it has none. */
static int read_nic_addresses(struct device_model *dm, unsigned int devid, char **ip)
{
    char path[XENSTORE_PATH_MAX];
    cleanup_free char *backend = NULL;
    int rc = format_text(path, sizeof(path), "device/vif/%u/backend", devid);

    if (!rc)
        rc = xenstore_read(dm->xs, path, &backend);
    if (!rc)
        rc = format_text(path, sizeof(path), "%s/ip", backend);
    if (!rc)
        rc = xenstore_read(dm->xs, path, ip);
    return rc == -ENOENT && backend ? 0 : rc;
}

static int read_nic_rules(struct device_model *dm, unsigned int devid,
                          struct frame_filter_rules *rules)
{
    char path[XENSTORE_PATH_MAX];
    cleanup_free char *mac = NULL, *ip = NULL;
    int rc = format_text(path, sizeof(path), "device/vif/%u/mac", devid);

    if (!rc)
        rc = xenstore_read(dm->xs, path, &mac);
    if (!rc && dm->platform->firewall)
        rc = read_nic_addresses(dm, devid, &ip);
    if (rc)
        return rc == -ENOENT ? -EAGAIN : rc;
    rc = frame_filter_rules_init(rules, mac, ip);
    if (rc)
        log_error("NIC %u: firewall: mac=%s, ip=%s: %s", devid, mac, ip ? ip : "",
                  rc == -E2BIG ? "too many addresses" : "not IPv4 or IPv6 addresses");
    return rc;
}

static int check_nic(struct device_model *dm, struct dm_nic *nic)
{
    struct frame_filter_rules rules;
    int rc;

    snprintf(dm->missing, sizeof(dm->missing), "NIC %u", nic->devid);
    rc = read_nic_rules(dm, nic->devid, &rules);
    return rc ? rc : dm->platform->ops->nic_attach(dm->platform, nic->devid, &rules, nic->backend,
                                                   sizeof(nic->backend));
}

static int check_nics(struct device_model *dm)
{
    for (unsigned int i = 0; i < dm->needs.nic_count; i++) {
        int rc = dm->nic_ready[i] ? 0 : check_nic(dm, &dm->needs.nics[i]);

        if (rc)
            return rc;
        dm->nic_ready[i] = true;
    }
    return 0;
}

/* Lets QEMU inherit its end of a pipe. *number: the descriptor's number in QEMU. */
static int hand_over(struct device_model *dm, int fd, int *number)
{
    int rc = dm->platform->ops->qemu_inherit(dm->platform, fd);

    if (rc)
        close(fd);
    else
        *number = fd;
    return rc;
}

static int open_restore(struct device_model *dm)
{
    int console, fd, rc;

    snprintf(dm->missing, sizeof(dm->missing), "console 2 (restore)");
    rc = dm->platform->ops->console_open(dm->platform, CONSOLE_RESTORE, &console);
    if (rc)
        return rc;
    dm->restore.ended = state_restored;
    dm->restore.data = dm;
    rc = state_restore_open(&dm->restore, dm->loop, console, &fd);
    return rc ? rc : hand_over(dm, fd, &dm->needs.restore_fd);
}

static int open_save(struct device_model *dm)
{
    int console, fd, rc;

    snprintf(dm->missing, sizeof(dm->missing), "console 1 (save)");
    rc = dm->platform->ops->console_open(dm->platform, CONSOLE_SAVE, &console);
    if (rc)
        return rc;
    dm->save.settled = state_settled;
    dm->save.data = dm;
    rc = state_save_open(&dm->save, dm->loop, console, &fd);
    return rc ? rc : hand_over(dm, fd, &dm->save_fd);
}

static int check_consoles(struct device_model *dm)
{
    const struct platform_ops *ops = dm->platform->ops;
    int rc = 0;

    for (unsigned int i = 0; i < dm->needs.serial_count && !rc; i++) {
        struct dm_serial *serial = &dm->needs.serials[i];

        snprintf(dm->missing, sizeof(dm->missing), "console %u (serial)", serial->console);
        rc = ops->console_chardev(dm->platform, serial->console, serial->chardev,
                                  sizeof(serial->chardev));
    }
    if (!rc && dm->needs.restore && dm->needs.restore_fd < 0)
        rc = open_restore(dm);
    if (!rc && dm->save_fd < 0)
        rc = open_save(dm);
    return rc;
}

static void check_devices(struct device_model *dm)
{
    int rc = check_disks(dm);

    if (!rc)
        rc = check_nics(dm);
    if (!rc)
        rc = check_consoles(dm);
    if (rc == -EAGAIN) {
        loop_start_timer(dm->loop, &dm->recheck, RECHECK_MS);
        return;
    }
    loop_stop_timer(dm->loop, &dm->recheck);
    if (rc) {
        fail(dm, "%s: %s", dm->missing, strerror(-rc));
        return;
    }
    log_info("devices ready");
    start_qemu(dm);
}

static void check_cdroms(struct device_model *dm)
{
    if (cdroms_update(&dm->cdroms))
        loop_start_timer(dm->loop, &dm->recheck, RECHECK_MS);
}

static void recheck(void *data)
{
    device_model_devices_changed(data);
}

static void files_arrived(void *data)
{
    struct device_model *dm = data;

    enter(dm, DM_DEVICES);
    check_devices(dm);
}

static void files_failed(void *data, const char *reason)
{
    finish(data, reason);
}

static int init_files(struct device_model *dm)
{
    char path[XENSTORE_PATH_MAX];
    unsigned int self;
    int rc = xenstore_read_uint(dm->xs, "domid", UINT16_MAX, &self);

    if (rc)
        return rc;
    snprintf(path, sizeof(path), "/local/domain/%u/device-model/%u/" WIRE_FILES, self, dm->guest);
    return boot_files_init(&dm->files, &(struct boot_files_config){
        .loop = dm->loop, .platform = dm->platform, .wanted = dm->needs.files,
        .folder = path, .done = files_arrived, .failed = files_failed, .data = dm,
    });
}

/* target is written after dm-argv: once it is there, the arguments are complete. */
static void check_args(struct device_model *dm)
{
    char error[DM_ERROR_MAX];
    int rc = xenstore_read_uint(dm->xs, "target", UINT16_MAX, &dm->guest);

    if (rc == -ENOENT)
        return;
    if (!rc)
        rc = init_services(dm);
    if (!rc)
        rc = init_files(dm);
    if (!rc)
        rc = xenstore_read_dm_argv(dm->xs, dm->guest, &dm->argv);
    if (rc) {
        fail(dm, "cannot read target and dm-argv: %s", strerror(-rc));
        return;
    }
    if (dm_argv_scan(&dm->argv, &dm->needs, error)) {
        fail(dm, "QEMU's arguments: %s", error);
        return;
    }
    log_info("device model of guest %u: %zu arguments", dm->guest, dm->argv.count);
    enter(dm, DM_FETCHING);
    boot_files_start(&dm->files);
}

TABLE_BEGINS(on_xenstore);
static void (*const on_xenstore[])(struct device_model *) = {
    TABLE_ROW(DM_ARGS) = check_args,
    TABLE_ROW(DM_FETCHING) = NULL,
    TABLE_ROW(DM_DEVICES) = check_devices,
    TABLE_ROW(DM_STARTING) = NULL,
    TABLE_ROW(DM_RUNNING) = check_cdroms,
    TABLE_ROW(DM_ENDED) = NULL,
};
TABLE_ENDS(on_xenstore, DM_STATE_COUNT);

static void xenstore_changed(void *data, short revents)
{
    struct device_model *dm = data;
    char **event;

    /* All that is waited for is read again anyway. For a CD drive it also matters which node has changed. */
    while ((event = xs_check_watch(dm->xs))) {
        if (dm->state == DM_RUNNING)
            cdroms_changed(&dm->cdroms, event[XS_WATCH_PATH]);
        free(event);
    }
    if (on_xenstore[dm->state])
        on_xenstore[dm->state](dm);
}

int device_model_init(struct device_model *dm, struct loop *loop, struct platform *platform,
                      struct xs_handle *xs)
{
    memset(dm, 0, sizeof(*dm));
    dm->loop = loop;
    dm->platform = platform;
    dm->xs = xs;
    dm->save_fd = -1;
    dm->deadline = (struct loop_timer){ .fired = deadline_passed, .data = dm };
    dm->recheck = (struct loop_timer){ .fired = recheck, .data = dm };
    dm->xs_fd = (struct loop_fd){ .fd = xs_fileno(xs), .events = POLLIN,
                                  .ready = xenstore_changed, .data = dm };
    str_list_init(&dm->argv);
    qmp_client_init(&dm->own_qmp, loop, qemu_event, dm);
    output_lines_init(&dm->output, "qemu", loop->now_ms());
    platform->model = dm;
    if (!xs_watch(xs, "target", "target") || !xs_watch(xs, "device/vbd", "vbd"))
        return -errno;
    return loop_add_fd(loop, &dm->xs_fd);
}

void device_model_dispose(struct device_model *dm)
{
    boot_files_stop(&dm->files);
    vchan_bridge_stop(&dm->qmp);
    vnc_slots_stop(&dm->vnc);
    qmp_client_dispose(&dm->own_qmp);
    state_save_close(&dm->save);
    state_restore_close(&dm->restore);
    loop_stop_timer(dm->loop, &dm->deadline);
    loop_stop_timer(dm->loop, &dm->recheck);
    loop_remove_fd(dm->loop, &dm->xs_fd);
    str_list_dispose(&dm->argv);
    if (dm->xs)
        xs_close(dm->xs);
    dm->xs = NULL;
}

void device_model_start(struct device_model *dm)
{
    enter(dm, DM_ARGS);
    check_args(dm);
}

void device_model_devices_changed(struct device_model *dm)
{
    if (dm->state == DM_DEVICES)
        check_devices(dm);
    else if (dm->state == DM_RUNNING)
        check_cdroms(dm);
}

void device_model_qemu_said(struct device_model *dm, const char *bytes, size_t size)
{
    output_lines_add(&dm->output, bytes, size, dm->loop->now_ms());
}

/* Now QEMU's answer, which was held back, goes to libxl, which then destroys us. */
static void retire(struct device_model *dm)
{
    log_info("QEMU has ended: its guest goes on with another one");
    enter(dm, DM_ENDED);
    vnc_slots_stop(&dm->vnc);
    qmp_client_dispose(&dm->own_qmp);
    vchan_bridge_linger(&dm->qmp);
}

/*
 * text: the first words of the log's line if QEMU probably ended because there was no memory; else "". Without a free
 * page the kernel kills QEMU by a signal, or QEMU exits. The signal may have another reason, so in a stub domain above
 * the least size this is a guess.
 */
static void blame_memory(struct device_model *dm, const struct qemu_end *end, char *text, size_t size)
{
    bool killed = end->signalled && end->code == dm->platform->memory_signal;
    unsigned int kib = 0, mib, least = dm->platform->least_memory;

    text[0] = '\0';
    if (xenstore_read_uint(dm->xs, "memory/target", UINT32_MAX, &kib))
        return;
    mib = kib / 1024;
    if (mib < least && (killed || dm->state == DM_STARTING))
        snprintf(text, size, "stubdom_memory is %u MiB, it needs at least %u: ", mib, least);
    else if (killed)
        snprintf(text, size, "stubdom_memory is %u MiB, it may need more: ", mib);
}

/* QEMU's output of its last second probably says why it ended. */
void device_model_qemu_ended(struct device_model *dm, const struct qemu_end *end)
{
    int64_t now = dm->loop->now_ms();
    const char *words = "";
    char memory[80];

    if (dm->state == DM_ENDED)
        return;
    output_lines_flush(&dm->output, now);
    if (dm->save.last) {
        retire(dm);
        return;
    }
    if (now - dm->output.last_ms <= 1000)
        words = dm->output.last;
    blame_memory(dm, end, memory, sizeof(memory));
    fail(dm, "%sQEMU %s %d%s%s%s", memory, end->signalled ? "was killed by signal" : "ended with status",
         end->code, dm->state == DM_STARTING ? " before it was running" : "",
         words[0] ? "; its last words: " : "", words);
}
