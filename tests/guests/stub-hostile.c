/*
 * A stub domain that has been taken over (see stub-hostile.h). This program runs as root beside our own process 1, QEMU
 * and kernel, and does what a stub domain's root may do: change its xenstore folder, make hypercalls, use grants and
 * event channels, write to its console's page.
 *
 * Whatever it does, dom0 must go on working. Much of it is random.
 *
 * On the micro kernel root may do less: there is no /proc, no access to the kernel's memory, no raw socket, and no
 * hypercall but those that QEMU makes at its start. There, some attacks are made in another way.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define __XEN_TOOLS__ 1 /* else sched_op and event_channel_op mean the calls of Xen 3.0 */

#include "stub-hostile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libxenvchan.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <xencall.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xenstore.h>
#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/io/console.h>
#include <xen/physdev.h>
#include <xen/sched.h>

#define VNC_SLOTS 8
#define CONSOLES 4

static struct xs_handle *xs;
static unsigned int self, guest;

/* -------- small things -------- */

static uint32_t any(void)
{
    static uint32_t x = 2463534242u;

    x ^= x << 13;
    x ^= x >> 17;
    return x ^= x << 5;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static bool write_node(const char *value, const char *format, ...)
{
    char path[128];
    va_list args;

    va_start(args, format);
    vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    return xs_write(xs, XBT_NULL, path, value, strlen(value));
}

static unsigned int read_number(const char *format, ...)
{
    unsigned int len, value;
    char path[128], *text;
    va_list args;

    va_start(args, format);
    vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    text = xs_read(xs, XBT_NULL, path, &len);
    value = text ? strtoul(text, NULL, 10) : 0;
    free(text);
    return value;
}

/* Reports an attack that could not be made, so that it does not pass for one that dom0 withstood. */
static void trouble(const char *what)
{
    char text[128];

    snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
    write_node(text, "data/trouble");
}

static const char *number(uint32_t value)
{
    static char text[16];

    snprintf(text, sizeof(text), "%u", value);
    return text;
}

static bool on_micro(void)
{
    struct utsname name;

    return !uname(&name) && strstr(name.release, "micro");
}

/* -------- its own parts die -------- */

/* Kills QEMU: it is the only process besides process 1 and us. */
static void kill_others(void)
{
    for (pid_t pid = 2; pid < 1000; pid++)
        if (pid != getpid())
            kill(pid, SIGKILL);
}

static void kill_qemu(const char *argument)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    char path[300], name[32];

    while (proc && (entry = readdir(proc))) {
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
        file = fopen(path, "r");
        if (file && fgets(name, sizeof(name), file) && !strncmp(name, "qemu", 4))
            kill(atoi(entry->d_name), SIGKILL);
        if (file)
            fclose(file);
    }
    if (proc)
        closedir(proc);
    if (on_micro())
        kill_others();
}

/* No signal ends process 1 of Linux, but a stack that is overwritten does. */
static void kill_init(const char *argument)
{
    FILE *maps = fopen("/proc/1/maps", "r");
    int mem = open("/proc/1/mem", O_WRONLY);
    unsigned long from, to;
    char line[256], page[4096];

    memset(page, 0x41, sizeof(page));
    while (maps && fgets(line, sizeof(line), maps))
        if (strstr(line, "[stack]") && sscanf(line, "%lx-%lx", &from, &to) == 2)
            while ((to -= sizeof(page)) >= from && mem >= 0)
                if (pwrite(mem, page, sizeof(page), to) < 0)
                    break;
    kill(1, on_micro() ? SIGKILL : SIGCHLD); /* SIGCHLD: process 1 returns from poll() */
}

static void hypercall(uint64_t op, uint64_t command, const void *data, size_t size)
{
    xencall_handle *call = xencall_open(NULL, 0);
    void *buffer = call ? xencall_alloc_buffer(call, size) : NULL;

    if (buffer) {
        memcpy(buffer, data, size);
        if (xencall2(call, op, command, (uint64_t)buffer) < 0)
            trouble("hypercall");
        xencall_free_buffer(call, buffer);
    } else {
        trouble("hypercall buffer");
    }
    if (call)
        xencall_close(call);
}

/*
 * Makes the hypercall of a kernel that panics or powers off, without telling the guest. The micro kernel does not make
 * this hypercall for a program. There the kernel is made to panic, and it tells the guest if it knows the guest by
 * then.
 */
static void shut_down(const char *argument)
{
    bool crash = strcmp(argument, "poweroff");
    struct sched_shutdown how = { .reason = crash ? SHUTDOWN_crash : SHUTDOWN_poweroff };

    if (on_micro() && crash)
        kill(1, SIGKILL);
    else if (on_micro())
        reboot(RB_POWER_OFF);
    else
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &how, sizeof(how));
}

/* -------- consoles -------- */

static struct xencons_interface *map_console0(void)
{
    static xenforeignmemory_handle *memory;
    xen_pfn_t frame = read_number("console/ring-ref");
    struct xencons_interface *ring = NULL;

    if (!memory)
        memory = xenforeignmemory_open(NULL, 0);
    if (memory)
        ring = xenforeignmemory_map(memory, DOMID_SELF, PROT_READ | PROT_WRITE, 1, &frame, NULL);
    if (!ring)
        trouble("console 0's page");
    return ring;
}

/* Sends events on console 0's event channel, as fast as possible. */
static void storm(const char *argument)
{
    struct evtchn_send send = { .port = read_number("console/port") };
    xencall_handle *call = xencall_open(NULL, 0);
    struct evtchn_send *buffer = call ? xencall_alloc_buffer(call, sizeof(send)) : NULL;
    double until = now() + atof(argument);

    while (buffer && now() < until) {
        *buffer = send;
        for (int i = 0; i < 1000; i++)
            xencall2(call, __HYPERVISOR_event_channel_op, EVTCHNOP_send, (uint64_t)buffer);
    }
    if (!send.port || !buffer)
        trouble("console 0's port");
    if (buffer)
        xencall_free_buffer(call, buffer);
    if (call)
        xencall_close(call);
}

/* Writes as our own programs do: write() waits while the console's ring is full. */
static void write_log_until(double until)
{
    char line[4096];

    memset(line, 'x', sizeof(line));
    while (now() < until)
        if (write(STDOUT_FILENO, line, sizeof(line)) < 0)
            trouble("console");
}

/* Keeps the log's ring full of text that dom0 has to write, faster than a kernel would send it. */
static void flood_log(const char *argument)
{
    struct xencons_interface *ring = on_micro() ? NULL : map_console0();
    struct evtchn_send send = { .port = read_number("console/port") };
    double until = now() + atof(argument);

    if (on_micro())
        write_log_until(until);
    while (ring && now() < until) {
        if (ring->out_prod - ring->out_cons > sizeof(ring->out) / 2) {
            usleep(1000); /* leave the processor to the reader in dom0 */
            continue;
        }
        memset(ring->out, 'a' + any() % 26, sizeof(ring->out));
        __atomic_store_n(&ring->out_prod, ring->out_cons + sizeof(ring->out), __ATOMIC_SEQ_CST);
        hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, sizeof(send));
    }
}

/* Writes as our own programs and the kernel do: write() waits while the console's ring is full. */
static void say_much(const char *argument)
{
    char line[64];

    memset(line, 'y', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (int i = 0; i < 128; i++)
        if (write(STDOUT_FILENO, line, sizeof(line)) < 0)
            trouble("console");
}

/* Sets impossible indices in the log's ring. dom0 must not read from the ring after that. */
static void break_log(const char *argument)
{
    struct xencons_interface *ring = map_console0();
    struct evtchn_send send = { .port = read_number("console/port") };

    if (!ring)
        return;
    ring->out_prod = ring->out_cons + 0x80000000u;
    ring->in_cons = any();
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, sizeof(send));
}

/* Offers serial consoles with pages and ports of ours or with invalid ones, closes them, and offers them again. */
static void reopen_consoles(const char *argument)
{
    xengntshr_handle *share = xengntshr_open(NULL, 0);
    xenevtchn_handle *event = xenevtchn_open(NULL, 0);
    double until = now() + atof(argument);
    evtchn_port_t port = event ? xenevtchn_bind_unbound_port(event, 0) : 0;
    uint32_t ref = 0;
    uint8_t *page = share ? xengntshr_share_pages(share, 0, 1, &ref, 1) : NULL;

    while (page && now() < until) {
        unsigned int id = 1 + any() % (CONSOLES - 1);

        for (int i = 0; i < 64; i++)
            page[any() % 4096] = any();
        write_node(number(any() % 4 ? ref : any()), "device/console/%u/ring-ref", id);
        write_node(number(any() % 4 ? port : any()), "device/console/%u/port", id);
        write_node(number(any() % 10), "device/console/%u/state", id);
        if (event)
            xenevtchn_notify(event, port);
        if (any() % 64 == 0)
            usleep(30000);
    }
    if (!page || !port)
        trouble("page and port");
    if (share)
        xengntshr_close(share);
    if (event)
        xenevtchn_close(event);
}

/* -------- vchans -------- */

/* Serves a VNC slot, the QMP channel or a boot file's channel, where dom0 looks for it. */
static struct libxenvchan *serve(const char *leaf)
{
    char path[128];
    struct libxenvchan *vchan;

    snprintf(path, sizeof(path), "/local/domain/%u/device-model/%u/%s", self, guest, leaf);
    vchan = libxenvchan_server_init(NULL, 0, path, 0, 0);
    if (vchan)
        vchan->blocking = 0;
    else
        trouble(leaf);
    return vchan;
}

/* Writes random indices, orders, grants and flags to vchans, while viewers or xl may use them. */
static void break_vchans(const char *argument)
{
    static const char *const others[] = { "qmp-vchan", "files/0", "files/1" };
    double until = now() + atof(argument);
    char leaf[32];

    while (now() < until) {
        struct libxenvchan *vchan;
        unsigned int which = any() % (VNC_SLOTS + sizeof(others) / sizeof(others[0]));

        if (which < VNC_SLOTS)
            snprintf(leaf, sizeof(leaf), "vnc-vchan/%u", which);
        else
            snprintf(leaf, sizeof(leaf), "%s", others[which - VNC_SLOTS]);
        vchan = serve(leaf);
        if (!vchan)
            continue;
        if (any() % 2)
            write_node(number(any()), "device-model/%u/%s/ring-ref", guest, leaf);
        for (int i = 0; i < 8; i++) {
            ((uint8_t *)vchan->ring)[any() % sizeof(*vchan->ring)] = any();
            xenevtchn_notify(vchan->event, vchan->event_port);
            usleep(5000);
        }
        libxenvchan_close(vchan);
    }
}

/* Writes random bytes without end to every viewer that connects. */
static void flood_vnc(const char *argument)
{
    double until = now() + atof(argument);
    struct libxenvchan *vchan = serve("vnc-vchan/0");
    char bytes[4096];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = any();
    while (vchan && now() < until)
        if (libxenvchan_is_open(vchan) != 1 || libxenvchan_write(vchan, bytes, sizeof(bytes)) <= 0)
            usleep(1000);
    libxenvchan_close(vchan);
}

/* Bad answers to libxl: none, a line without end, invalid JSON, JSON without end, a reply to another command. */
static const struct {
    const char *name, *greeting, *reply;
} answers[] = {
    { "silent", "", "" },
    { "endless", "", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" },
    { "nonsense", "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":0,\"major\":10}}}}\r\n",
      "{\"return\":{\"a\":\\x00\xff}]]}\r\n" },
    { "deep", "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":0,\"major\":10}}}}\r\n",
      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" },
    { "wrong", "{\"QMP\":{}}\r\n", "{\"return\":{},\"id\":4294967295}\r\n" },
};

static void answer(struct libxenvchan *vchan, size_t which, double until)
{
    const char *greeting = answers[which].greeting, *reply = answers[which].reply;
    char heard[4096];

    if (*greeting)
        libxenvchan_write(vchan, greeting, strlen(greeting));
    while (libxenvchan_is_open(vchan) == 1 && now() < until) {
        while (libxenvchan_data_ready(vchan) > 0 &&
               libxenvchan_read(vchan, heard, sizeof(heard)) > 0)
            ;
        if (!*reply || libxenvchan_write(vchan, reply, strlen(reply)) <= 0)
            usleep(2000);
    }
}

/* -------- a QMP server that obeys, but saves a bad state -------- */

static bool say_all(int fd, const void *bytes, size_t len)
{
    const char *next = bytes;
    ssize_t n = 0;

    for (; len && n >= 0; next += n, len -= n)
        n = write(fd, next, len);
    return !len;
}

/* Writes a frame of a saved state, as in common/state-stream.h. */
static bool say_frame(int fd, const char *data, uint32_t len)
{
    const uint8_t head[8] = { 'X', 'S', 's', 't', len, len >> 8, len >> 16, len >> 24 };

    return say_all(fd, head, sizeof(head)) && say_all(fd, data, len);
}

/* Opens the console that saved states go to. */
static int open_save_console(void)
{
    int fd = open("/dev/hvc1", O_RDWR | O_NOCTTY);
    struct termios raw;

    if (fd < 0 || tcgetattr(fd, &raw)) {
        trouble("/dev/hvc1");
        return -1;
    }
    cfmakeraw(&raw);
    tcsetattr(fd, TCSANOW, &raw);
    return fd;
}

/* Writes a valid state over and over, although nobody has asked for one. */
static void save_unasked(const char *argument)
{
    static const char state[4096] = "QEVM";
    int fd = open_save_console();

    for (int i = 0; i < 50 && fd >= 0; i++)
        if (!say_frame(fd, state, sizeof(state)) || !say_frame(fd, "", 0))
            break;
    if (fd >= 0)
        close(fd);
}

/* Writes a bad state to the console for it: "none" at all, "noise", a "frame" that is too long, or "endless". */
static void save_state(const char *how)
{
    char bytes[4096] = "QEVM";
    double until = now() + 5;
    int fd = open_save_console();

    if (fd < 0)
        return;
    if (!strcmp(how, "frame"))
        say_all(fd, "XSst\xff\xff\xff\xffQEVM", 12);
    if (!strcmp(how, "endless"))
        while (now() < until && say_frame(fd, bytes, sizeof(bytes)))
            ;
    if (!strcmp(how, "noise")) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = any();
        for (int i = 0; i < 16; i++)
            say_all(fd, bytes, sizeof(bytes));
    }
    close(fd);
}

static void obey_line(struct libxenvchan *vchan, const char *line, const char *how)
{
    const char *id = strstr(line, "\"id\"");
    char reply[64];
    int len;

    if (strstr(line, "xen-save-devices-state"))
        save_state(how);
    id = id ? strpbrk(id, "0123456789") : NULL;
    len = snprintf(reply, sizeof(reply), "{\"return\":{},\"id\":%lu}\r\n",
                   id ? strtoul(id, NULL, 10) : 0);
    libxenvchan_write(vchan, reply, len);
}

/* Argument: "HOW SECONDS", with HOW as in save_state(). */
static void obey_qmp(const char *argument)
{
    static const char greeting[] = "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":0,"
                                   "\"major\":10},\"package\":\"\"},\"capabilities\":[]}}\r\n";
    double until = now() + atof(argument + strcspn(argument, " "));
    char how[16], line[4096];
    size_t have = 0;

    snprintf(how, sizeof(how), "%.*s", (int)strcspn(argument, " "), argument);
    while (now() < until) {
        struct libxenvchan *vchan = serve("qmp-vchan");

        while (vchan && libxenvchan_is_open(vchan) == 2 && now() < until)
            usleep(2000);
        have = 0;
        if (vchan)
            libxenvchan_write(vchan, greeting, strlen(greeting));
        while (vchan && libxenvchan_is_open(vchan) == 1 && now() < until) {
            int n = libxenvchan_read(vchan, line + have, 1);

            if (n <= 0)
                usleep(2000);
            else if (line[have] == '\n' || have + 2 == sizeof(line))
                line[have] = '\0', obey_line(vchan, line, how), have = 0;
            else
                have++;
        }
        if (vchan)
            libxenvchan_close(vchan);
    }
}

/* Serves a viewer's channel and reads nothing from it. */
static void deaf_vnc(const char *argument)
{
    if (serve("vnc-vchan/0"))
        sleep(atoi(argument));
}

/* Serves the QMP channel in our own program's place. Argument: "NAME SECONDS", with NAME as in answers[]. */
static void fake_qmp(const char *argument)
{
    double until = now() + atof(argument + strcspn(argument, " "));
    size_t which = 0;

    while (which + 1 < sizeof(answers) / sizeof(answers[0]) &&
           strncmp(argument, answers[which].name, strlen(answers[which].name)))
        which++;
    while (now() < until) {
        struct libxenvchan *vchan = serve("qmp-vchan");

        while (vchan && libxenvchan_is_open(vchan) == 2 && now() < until)
            usleep(2000);
        if (vchan && now() < until)
            answer(vchan, which, until);
        libxenvchan_close(vchan);
    }
}

/* -------- xenstore -------- */

static void huge(char *value, size_t size)
{
    memset(value, '9', size - 1);
    value[size - 1] = '\0';
}

/*
 * In the stub domain's own folder: removes nodes, makes them huge or empty, writes nonsense, and changes states
 * quickly.
 */
static void break_store(const char *argument)
{
    static const char *const nodes[] = {
        "device/console/3/state", "device/console/3/ring-ref", "device/console/3/port",
        "device/console/1/state", "device/console/3/output", "device/console/1/output",
        "device-model/%u/vnc-vchan/0/event-channel", "device-model/%u/vnc-vchan/0/ring-ref",
        "device-model/%u/qmp-vchan/ring-ref", "device-model/%u/state", "device-model/%u/error",
    };
    double until = now() + atof(argument);
    char value[1900], path[128];

    huge(value, sizeof(value));
    while (now() < until) {
        snprintf(path, sizeof(path), nodes[any() % (sizeof(nodes) / sizeof(nodes[0]))], guest);
        switch (any() % 6) {
        case 0: xs_rm(xs, XBT_NULL, path); break;
        case 1: xs_write(xs, XBT_NULL, path, value, sizeof(value) - 1); break;
        case 2: xs_write(xs, XBT_NULL, path, "\0\xff\n%n", 5); break;
        case 3: write_node("file:/etc/shadow", "%s", path); break;
        case 4: xs_write(xs, XBT_NULL, path, "", 0); break;
        default: write_node(number(any() % 12), "%s", path);
        }
    }
}

/* Removes folders, and makes as many nodes as xenstored allows. */
static void fill_store(const char *argument)
{
    char value[1900];

    huge(value, sizeof(value));
    xs_rm(xs, XBT_NULL, "device/console");
    for (unsigned int i = 0; i < 2000; i++)
        if (!write_node(value, "device-model/%u/fill/%u", guest, i))
            break;
    if (!strcmp(argument, "all"))
        xs_rm(xs, XBT_NULL, "device-model");
}

/* Tells libxl, as our /init does, that the device model runs. */
static void say_running(const char *argument)
{
    write_node("running", "device-model/%u/state", guest);
}

static void empty_store(const char *argument)
{
    char path[64];

    snprintf(path, sizeof(path), "device-model/%u/fill", guest);
    xs_rm(xs, XBT_NULL, path);
}

/*
 * Writes and removes nodes that dom0's tools read, and removes them with the folder that they are in. They are in the
 * stub domain's folder and in its guest's: Xen lets a device model do what its guest may.
 */
static void replace_nodes(const char *argument)
{
    static const char *const leaves[] = {
        "device/console/3/tty", "device/console/3/output", "device/console/4/tty", "console/tty",
        "console/output", "serial/0/tty", "console/vnc-port", "console/vnc-listen", "name",
        "image/device-model-pid", "image/qmp-proxy-pid", "vm", "target",
    };
    const unsigned int domains[] = { self, guest };
    char path[128];

    for (size_t i = 0; i < 2 * sizeof(leaves) / sizeof(leaves[0]); i++) {
        snprintf(path, sizeof(path), "/local/domain/%u/%s", domains[i % 2], leaves[i / 2]);
        write_node("/dev/hvc0", "%s", path);
        xs_rm(xs, XBT_NULL, path);
        write_node("/dev/hvc0", "%s", path);
        if (strchr(leaves[i / 2], '/')) {
            *strrchr(path, '/') = '\0';
            xs_rm(xs, XBT_NULL, path);
            write_node("/dev/hvc0", "%s/%s", path, strrchr(leaves[i / 2], '/') + 1);
        }
    }
}

/* -------- its NIC -------- */

/* Sends a frame (in hex) by the stub domain's own vif, around the tap and the filter on the tap. */
static void send_frame(const char *hex)
{
    struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex("eth0") };
    uint8_t frame[120] = { 0 };
    int sock = socket(AF_PACKET, SOCK_RAW, 0);

    for (size_t i = 0; i < sizeof(frame) && hex[2 * i]; i++)
        if (sscanf(hex + 2 * i, "%2hhx", &frame[i]) != 1)
            trouble("no hex");
    if (sock < 0 || sendto(sock, frame, sizeof(frame), 0, (void *)&to, sizeof(to)) != sizeof(frame))
        trouble("no frame was sent");
    close(sock);
}

/* -------- hardware that is not its own -------- */

/* Makes a hypercall. Returns 0 or more, or -errno. */
static int ask_xen(uint64_t op, uint64_t command, const void *data, size_t size)
{
    xencall_handle *call = xencall_open(NULL, 0);
    void *buffer = call ? xencall_alloc_buffer(call, size) : NULL;
    int rc = -ENOMEM;

    if (buffer) {
        memcpy(buffer, data, size);
        rc = op == __HYPERVISOR_domctl ? xencall1(call, op, (uint64_t)buffer)
                                       : xencall2(call, op, command, (uint64_t)buffer);
        rc = rc < 0 ? -errno : rc;
        xencall_free_buffer(call, buffer);
    }
    if (call)
        xencall_close(call);
    return rc;
}

/* Xen must have understood the hypercall and refused it. */
static void must_not(const char *what, int rc)
{
    errno = rc < 0 ? -rc : 0;
    if (rc >= 0 || rc == -EACCES || rc == -ENOSYS || rc == -ENOMEM)
        trouble(what);
}

static int ask_domctl(struct xen_domctl *domctl, uint32_t command)
{
    int rc = -EACCES;

    domctl->cmd = command;
    domctl->domain = guest;
    /* The interface's version depends on Xen's: it is one of these. */
    for (uint32_t version = 0x15; version <= 0x17 && rc == -EACCES; version++) {
        domctl->interface_version = version;
        rc = ask_xen(__HYPERVISOR_domctl, 0, domctl, sizeof(*domctl));
    }
    return rc;
}

/* Argument: "FRAME DEVFN" in hexadecimal, of a device on bus 0 that is not ours. */
static void grab_hardware(const char *argument)
{
    unsigned long frame, devfn;
    const unsigned long frames[] = { strtoul(argument, (char **)&argument, 16), 0xfee00, 0xfec00, 0x1 };
    struct physdev_map_pirq map = { .domid = guest, .type = MAP_PIRQ_TYPE_MSI, .index = -1, .pirq = -1 };
    struct xen_domctl domctl;

    devfn = strtoul(argument, NULL, 16);
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        frame = frames[i];
        domctl = (struct xen_domctl){ .u.memory_mapping = { .first_gfn = 0xe0000, .first_mfn = frame, .nr_mfns = 1,
                                                            .add_mapping = 1 } };
        must_not("memory_mapping", ask_domctl(&domctl, XEN_DOMCTL_memory_mapping));
    }
    domctl = (struct xen_domctl){ .u.ioport_mapping = { .first_gport = 0xcf8, .first_mport = 0xcf8, .nr_ports = 8,
                                                        .add_mapping = 1 } };
    must_not("ioport_mapping", ask_domctl(&domctl, XEN_DOMCTL_ioport_mapping));
    domctl = (struct xen_domctl){ .u.iomem_permission = { .first_mfn = frames[0], .nr_mfns = 1, .allow_access = 1 } };
    must_not("iomem_permission", ask_domctl(&domctl, XEN_DOMCTL_iomem_permission));
    map.devfn = devfn;
    must_not("map_pirq of an MSI", ask_xen(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &map, sizeof(map)));
    map = (struct physdev_map_pirq){ .domid = guest, .type = MAP_PIRQ_TYPE_GSI, .index = 1, .pirq = 1 };
    must_not("map_pirq of the keyboard", ask_xen(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &map, sizeof(map)));
    map.domid = 0;
    must_not("map_pirq for dom0", ask_xen(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &map, sizeof(map)));
}

static int open_in(const char *folder, const char *name, int flags)
{
    char path[320];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    fd = open(path, flags);
    if (fd < 0)
        trouble(name);
    return fd;
}

/* Writes inverted or random bits to the configuration space, in all three widths. Writes may have no effect. */
static void spoil_config(const char *folder, unsigned long rounds)
{
    int fd = open_in(folder, "config", O_RDWR);

    for (unsigned long round = 0; round < rounds; round++)
        for (size_t width = 4; width; width /= 2)
            for (off_t at = 0; at < 256; at += width) {
                uint32_t value = 0;

                if (pread(fd, &value, width, at) != (ssize_t)width)
                    trouble("config");
                value = round % 2 ? any() : ~value;
                if (pwrite(fd, &value, width, at) != (ssize_t)width)
                    trouble("config");
            }
    close(fd);
}

/* Argument: the number of rounds. The first and every other round inverts all bits, the others write random ones. */
static void write_config(const char *argument)
{
    DIR *devices = opendir("/sys/bus/pci/devices");
    struct dirent *entry;
    char path[300];
    int count = 0;

    while (devices && (entry = readdir(devices))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", entry->d_name);
        spoil_config(path, strtoul(argument, NULL, 10));
        count++;
    }
    if (!count)
        trouble("no device");
    if (devices)
        closedir(devices);
}

/*
 * Overwrites the MSI-X table of the first device: each message that Xen has written becomes vector 0x31 of the first
 * CPU. Argument: the sysfs file of the BAR that begins with the table. Xen may refuse writes to this page.
 */
static void write_messages(const char *argument)
{
    int fd = open_in("/sys/bus/pci/devices/0000:00:00.0", argument, O_RDWR);
    uint32_t *table = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    const uint32_t message[] = { 0xfee00000, 0, 0x31, 0 };
    int status = 0;
    pid_t child;

    if (table == MAP_FAILED) {
        trouble(argument);
        return;
    }
    child = fork();
    if (!child) {
        alarm(2); /* if Xen alone write-protects the page, the kernel retries for ever */
        for (int i = 0; i < 16; i++)
            ((volatile uint32_t *)table)[i] = message[i % 4];
        _exit(memcmp(table, message, sizeof(message)) ? 1 : 2);
    }
    waitpid(child, &status, 0);
    write_node(WIFSIGNALED(status) ? "refused" : WEXITSTATUS(status) == 2 ? "written" : "ignored", "data/messages");
    munmap(table, 4096);
    close(fd);
}

/* -------- orders -------- */

static const struct {
    const char *name;
    void (*run)(const char *argument);
} verbs[] = {
    { "kill-qemu", kill_qemu },
    { "kill-init", kill_init },
    { "shut-down", shut_down },             /* crash or poweroff */
    { "storm", storm },                     /* SECONDS, like the others */
    { "flood-log", flood_log },
    { "say-much", say_much },               /* writes 8 KiB to the console */
    { "break-log", break_log },
    { "reopen-consoles", reopen_consoles },
    { "break-vchans", break_vchans },
    { "flood-vnc", flood_vnc },
    { "deaf-vnc", deaf_vnc },
    { "fake-qmp", fake_qmp },
    { "obey-qmp", obey_qmp },
    { "save-unasked", save_unasked },
    { "replace-nodes", replace_nodes },
    { "break-store", break_store },
    { "fill-store", fill_store },
    { "empty-store", empty_store },
    { "say-running", say_running },
    { "send-frame", send_frame },
    { "grab-hardware", grab_hardware },     /* FRAME DEVFN of a device that is not ours */
    { "write-config", write_config },       /* ROUNDS */
    { "write-messages", write_messages },   /* FILE of the table, in sysfs */
};

/* Performs "VERB ARGUMENT". "+VERB ARGUMENT" runs while the next one is performed. */
static void perform(char *verb)
{
    char *argument = verb + strcspn(verb, " ");
    bool beside = *verb == '+';

    verb += beside;
    if (beside && fork())
        return;
    if (beside)
        xs = xs_open(0);

    if (*argument)
        *argument++ = '\0';
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (!strcmp(verbs[i].name, verb))
            verbs[i].run(argument);
    if (beside)
        _exit(0);
}

static void obey(char *order)
{
    char *verb = order + strcspn(order, " ");
    unsigned int id = strtoul(order, NULL, 10);

    perform(verb + (*verb == ' '));
    write_node(number(id), "data/did");
}

/* Waits for our guest's domid: libxl writes the node "target" last, when we may run already. */
static void find_ourselves(void)
{
    while (access("/dev/xen/xenbus", R_OK) || !(xs = xs_open(0)))
        usleep(100000);
    while (!(guest = read_number("target")))
        usleep(10000);
    self = read_number("domid");
}

int stub_alone(char *list)
{
    /* The micro kernel has /dev from the start. */
    if (access("/dev/hvc0", R_OK) && mount("dev", "/dev", "devtmpfs", 0, NULL))
        return 4;
    find_ourselves();
    for (char *verb = strtok(list, ":"); verb; verb = strtok(NULL, ":")) {
        for (char *c = verb; *c; c++)
            *c = *c == ',' ? ' ' : *c;
        perform(verb);
    }
    return 3;
}

int stub_hostile(void)
{
    unsigned int count, len, done = 0;

    find_ourselves(); /* waits until our /init has mounted /dev */
    if (!xs_watch(xs, "data/order", "order"))
        return 1;
    for (;;) {
        char **event = xs_read_watch(xs, &count), *order;

        if (!event)
            return 1;
        free(event);
        order = xs_read(xs, XBT_NULL, "data/order", &len);
        if (order && strtoul(order, NULL, 10) > done) {
            done = strtoul(order, NULL, 10);
            obey(order);
        }
        free(order);
    }
}
