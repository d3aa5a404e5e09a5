// sources: launcher/xl-stubdom/command-line.c launcher/xl-stubdom/config.c launcher/xl-stubdom/pci.c
// sources: launcher/xl-stubdom/dm-args.c launcher/xl-stubdom/guest-files.c launcher/xl-stubdom/disks.c
// sources: launcher/xl-stubdom/fault.c launcher/xl-stubdom/image.c launcher/xl-stubdom/log-tail.c
// sources: launcher/xl-stubdom/run-xl.c launcher/xl-stubdom/settings.c launcher/xl-stubdom/saved-guest.c
// sources: launcher/xl-stubdom/keys.c launcher/xl-stubdom/nics.c launcher/xl-stubdom/devices.c
// sources: launcher/xl-stubdom/screenshot.c launcher/xl-stubdom/viewer.c launcher/xl-stubdom/flavour.c
// sources: launcher/xl-stubdom/guest-lock.c launcher/xl-stubdom/uuid.c launcher/xl-stubdom/host-config.c
// sources: launcher/xl-stubdom/audit.c launcher/xl-stubdom/xs-get.c launcher/xl-stubdom/compare.c
// sources: launcher/xl-stubdom/compare-guest.c launcher/xl-stubdom/compare-exec.c
// sources: launcher/xl-stubdom/compare-options.c launcher/xl-stubdom/compare-report.c
// sources: launcher/xl-stubdom/compare-json.c launcher/xl-stubdom/compare-plot.c launcher/xl-stubdom/child.c
// sources: launcher/xl-stubdom/figures.c launcher/xl-stubdom/made-guest.c launcher/xl-stubdom/marked.c
// sources: launcher/xl-stubdom/serial-line.c launcher/dom0-daemon/root/fork-alone.c
// sources: launcher/xl-stubdom/screen-change.c launcher/xl-stubdom/disk-snapshot.c launcher/xl-stubdom/serials.c
// sources: launcher/dom0-daemon/outputs/output-spec.c launcher/xl-stubdom/host-file.c launcher/xl-stubdom/firmware.c
// sources: launcher/xl-stubdom/vnc.c launcher/xl-stubdom/usb.c launcher/dom0-daemon/root/options.c
// sources: launcher/dom0-daemon/both/vnc-port.c launcher/xl-stubdom/host-memory.c launcher/xl-stubdom/channels.c
// wrap: host_memory_read
// cflags: -DGUEST_LOCK_SECONDS=2
// libs: xlutil xenlight xenstore xenctrl xentoollog json-c
/*
 * The complete xl-stubdom, run as a process, with a script in place of xl, and a fake view of the stub domain in place
 * of Xen.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* All paths are below the tests' directory. */
#define XENFIRMWAREDIR "fw"
#define XEN_MINOR 20
#define STUBDOM_DM "./dm"
#define STUBDOM_VIF "./vif"
#define STUBDOM_BLOCK "./block"
#define XL_CONFIG "xl.conf"
#define XEN_SCRIPT_DIR "."
#define XEN_LOG_DIR "log"
#define LOCK_DIR "lock"
#define HOST_CONFIG "host.conf"
#define VERSION "7.8"
#define DIVERTED_XL "./diverted"
#define UNPAUSE_SECONDS 3
#define MONITOR_SECONDS 1
#define main xl_stubdom_main
#include "../../launcher/xl-stubdom/main.c"
#undef main

#define GUEST \
    "name = \"g\"\ntype = \"hvm\"\nstubdom_flavor = \"linux\"\nstubdom_memory = 32\n"
#define SETTINGS                                                  \
    "device_model_stubdomain_override=1\n"                        \
    "device_model_version=\"qemu-xen\"\n"                         \
    "device_model_override=\"./dm\"\n"                            \
    "stubdomain_kernel=\"fw/qemu-stubdom-linux-kernel\"\n"        \
    "stubdomain_ramdisk=\"fw/qemu-stubdom-linux-rootfs\"\n"       \
    "stubdomain_cmdline=\"console=hvc0 xen_privcmd.unrestricted=1\"\n" \
    "stubdomain_memory=24\n" \
    "vcpus=1\n" \
    "vkb_device=0\n"

static char dir[] = "/tmp/test-xl-main-XXXXXX";

/* What the process under test sees of the stub domain. */
static struct stub_sight sight;
static int release_pipe[2];

int stub_watch_init(struct stub_watch *watch, const char *guest, const char *uuid)
{
    FILE *f = fopen("uuid", "w");

    (void)watch;
    assert_string_equal(guest, "g");
    fprintf(f, "%s\n", uuid ? uuid : "none");
    fclose(f);
    return 0;
}

void stub_watch_dispose(struct stub_watch *watch)
{
    (void)watch;
}

int stub_watch_fd(const struct stub_watch *watch)
{
    (void)watch;
    return release_pipe[0];
}

void stub_watch_drain(struct stub_watch *watch)
{
    char c;

    (void)watch;
    assert_int_equal(read(release_pipe[0], &c, 1), 1);
}

struct stub_sight stub_watch_look(struct stub_watch *watch)
{
    (void)watch;
    return sight;
}

bool stub_watch_never_ran(struct stub_watch *watch, int32_t domid)
{
    (void)watch;
    assert_int_equal(domid, sight.guest);
    return !access("paused", F_OK);
}

void remains_remove(struct xs_handle *xs, struct xc_interface_core *xc)
{
    fclose(fopen("removed", "w"));
}

static bool leaves_untied;

int32_t stub_watch_find_untied(struct stub_watch *watch)
{
    (void)watch;
    return leaves_untied ? 9 : -1;
}

int stub_watch_end_nameless(struct stub_watch *watch, struct fault *fault)
{
    FILE *f = fopen("ended", "w");

    (void)watch;
    (void)fault;
    fclose(f);
    return 0;
}

const char *stub_reason_text(unsigned int reason)
{
    assert_int_equal(reason, 3);
    return "crashed";
}

static bool has_stub, does_not_say;

int domains_find(const char *name, uint32_t *guest, uint32_t *stub, struct fault *fault)
{
    assert_true(!has_stub || !strcmp(name, "g") || !strcmp(name, "dom"));
    *guest = 4;
    *stub = 5;
    if (does_not_say)
        return fault_set(fault, -EIO, "g: xenstore does not say");
    return has_stub ? 0 : fault_set(fault, -ENODEV, "no stub domain");
}

bool domains_lacks(const char *name)
{
    return !strcmp(name, "nobody");
}

static bool host_refuses, stub_has_devices;

int pci_check_host(const struct pci_devices *devices, const char *source, struct fault *fault)
{
    return host_refuses && devices->count ? fault_set(fault, -ENODEV, "%s: not on this host", source) : 0;
}

static int has_shadow, has_vmtrace;

int physinfo_has(uint32_t capability)
{
    assert_true(capability == XEN_SYSCTL_PHYSCAP_shadow || capability == XEN_SYSCTL_PHYSCAP_vmtrace);
    return capability == XEN_SYSCTL_PHYSCAP_shadow ? has_shadow : has_vmtrace;
}

static struct memory_supply supply = {1 << 20, 0};
static enum autoballoon autoballoon;
static int no_supply;

int __wrap_host_memory_read(enum autoballoon setting, struct memory_supply *result)
{
    assert_int_equal(setting, autoballoon);
    *result = supply;
    return no_supply;
}

static bool only_a_pin;

bool pci_note_pin(const struct pci_devices *devices, const char *source, struct fault *note)
{
    return only_a_pin && devices->count && !fault_set(note, 0, "%s: only a pin", source);
}

bool pci_stub_has_any(unsigned int stub)
{
    assert_int_equal(stub, 5);
    return stub_has_devices;
}

static bool stub_may_have_devices;

bool pci_stub_may_have(unsigned int stub)
{
    assert_int_equal(stub, 5);
    return stub_may_have_devices;
}

static void put(const char *name, const char *text, mode_t mode)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(name, mode), 0);
}

/* The content of a file, or "". Valid for three more calls. */
static const char *get(const char *name)
{
    static char text[4][8192];
    static int next;
    char *p = text[next++ % 4];
    FILE *f = fopen(name, "r");
    size_t len = f ? fread(p, 1, sizeof(text[0]) - 1, f) : 0;

    p[len] = '\0';
    if (f)
        fclose(f);
    return p;
}

/* The uuid of the guest that was watched for, as a line. */
static const char *watched_uuid(void)
{
    return get("uuid");
}

/*
 * Makes the script for xl. It writes its arguments to the file `args`, copies a config file that it got from us to
 * `given`, and appends our settings in it to `args`. Then it does ACTION.
 */
static void xl_does(const char *action)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "#!/bin/sh\nfor arg; do case $arg in /proc/self/fd/*) echo FILE; cat \"$arg\" >given; "
             "sed -n '/^device_model_stubdomain_override=/,$p' given ;; "
             "*) printf '%%s\\n' \"$arg\" ;; esac; done >>args\n%s\n", action);
    put("xl", text, 0755);
}

/* Starts xl-stubdom with these arguments. Its output goes to the files `out` and `err`. */
static pid_t start(const char *const *argv)
{
    const char *copy[12] = {"xl-stubdom"};
    int argc = 1;
    pid_t pid;

    for (; argv[argc - 1]; argc++)
        copy[argc] = argv[argc - 1];
    unlink("args");
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid)
        return pid;
    dup2(open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    dup2(open("err", O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
    exit(xl_stubdom_main(argc, (char **)copy));
}

#define START(...) start((const char *const[]){__VA_ARGS__, NULL})

static int finish(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* Runs it to its end. The exit status, or the negated signal. */
#define RUN(...)                                                                      \
    ({                                                                                \
        int wait_status = finish(START(__VA_ARGS__));                                 \
        WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -WTERMSIG(wait_status); \
    })

static void test_everything_else_is_xl(void **state)
{
    (void)state;
    xl_does("echo out; echo err >&2; exit 7");
    assert_int_equal(RUN("list", "-l", "a b"), 7);
    assert_string_equal(get("args"), "list\n-l\na b\n");
    assert_string_equal(get("out"), "out\n");
    assert_string_equal(get("err"), "err\n");

    put("plain.cfg", "name = \"p\"\n", 0600);
    assert_int_equal(RUN("create", "-c", "plain.cfg", "memory=30"), 7);
    assert_string_equal(get("args"), "create\n-c\nplain.cfg\nmemory=30\n");
    assert_string_equal(get("err"), "err\n");

    assert_int_equal(RUN("--help"), 7);
    assert_non_null(strstr(get("out"), "usage: xl-stubdom"));
    assert_string_equal(get("args"), "help\n");

    xl_does("kill -9 $$");
    assert_int_equal(RUN("top"), -SIGKILL);
}

static void test_create(void **state)
{
    (void)state;
    xl_does("exit 0");
    assert_int_equal(RUN("-v", "create", "g.cfg", "memory=30"), 0);
    assert_string_equal(get("args"), "-v\ncreate\nFILE\n" SETTINGS);
    assert_string_equal(get("err"), "");
    assert_int_equal(RUN("create", "-n", "g.cfg"), 0);
    assert_string_equal(get("args"), "create\n-n\nFILE\n" SETTINGS);
    assert_int_equal(RUN("create", "g.cfg", "disk=['vdev=hdc,cdrom']"), 0);
    assert_non_null(strstr(get("args"), SETTINGS "disk=[\"backendtype=phy,vdev=hdc,cdrom\"]\n"));
    assert_string_equal(get("g.cfg"), GUEST);

    /* Unknown keys are named, and passed on. A refusal is one line. */
    assert_int_equal(RUN("create", "g.cfg", "memry=3", "foo=['a=b']"), 0);
    assert_string_equal(get("args"), "create\nFILE\n" SETTINGS);
    assert_non_null(strstr(get("given"), "memry=3\nfoo=['a=b']\n"));
    assert_string_equal(get("err"), "xl-stubdom: g.cfg: not in xl.cfg(5) or xl-stubdom.cfg(5), "
                                    "xl may ignore it: memry, foo\n");
    assert_int_equal(RUN("create", "g.cfg", "memry=3", "spice=1"), 1);
    assert_string_equal(get("args"), "");
    assert_string_equal(get("err"), "xl-stubdom: g.cfg: spice = \"1\": SPICE needs a network, and a "
                                    "stub domain has none; VNC is served\n");
}

/* A config may contain secrets: it is read once, and is on no command line. */
static void test_nothing_on_the_command_line(void **state)
{
    const char *uuid;

    (void)state;
    put("password", "", 0755);
    put("secret.cfg", GUEST "disk = [ \"/etc/hosts,raw,hda,rw\", \"vdev=hdc,cdrom,script=password\" ]\n", 0600);
    xl_does("rm -f secret.cfg; tr '\\0' '\\n' </proc/$$/cmdline >seen");
    assert_int_equal(RUN("create", "secret.cfg", "vncpasswd=\"also-secret\""), 0);
    assert_null(strstr(get("seen"), "password"));
    assert_null(strstr(get("seen"), "secret"));
    assert_non_null(strstr(get("given"), "password"));
    assert_non_null(strstr(get("given"), "\nvncpasswd=\"also-secret\"\n"));
    uuid = strstr(get("given"), "\nuuid=\"");
    assert_non_null(uuid);
    assert_int_equal(strspn(uuid + 7, "0123456789abcdef-"), 36);
    assert_int_equal(strncmp(watched_uuid(), uuid + 7, 36), 0);

    /* The config's own uuid is kept. */
    xl_does("exit 0");
    assert_int_equal(RUN("create", "g.cfg", "uuid=\"11111111-2222-3333-4444-555555555555\""), 0);
    assert_string_equal(watched_uuid(), "11111111-2222-3333-4444-555555555555\n");
    unlink("seen");
    unlink("password");
}

/* Of two creates at the same time one waits, so that it does not destroy the other one's guest. */
static void test_one_at_a_time(void **state)
{
    pid_t first;

    (void)state;
    xl_does("touch ready; sleep 1.2; rm ready");
    unlink("ready");
    first = START("create", "g.cfg");
    while (access("ready", F_OK))
        usleep(10000);
    xl_does("[ -e ready ] && echo TOGETHER >>args; exit 0");
    assert_int_equal(RUN("create", "g.cfg"), 0);
    assert_null(strstr(get("args"), "TOGETHER"));
    assert_int_equal(finish(first), 0);

    xl_does("touch ready; sleep 4; rm ready");
    first = START("create", "g.cfg");
    while (access("ready", F_OK))
        usleep(10000);
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_string_equal(get("err"), "xl-stubdom: g: another xl-stubdom is making it just now\n");
    assert_int_equal(finish(first), 0);
}

/* Each flavour, from create to restore, with its own files. */
static void test_every_flavour(void **state)
{
    (void)state;
    xl_does("exit 0");
    for (size_t i = 0; i < flavour_count; i++) {
        char kernel[64], ramdisk[64], flavour[64], text[256], expected[256];

        snprintf(kernel, sizeof(kernel), "fw/%s", flavours[i].kernel);
        snprintf(ramdisk, sizeof(ramdisk), "fw/%s", flavours[i].ramdisk);
        snprintf(flavour, sizeof(flavour), "stubdom_flavor=\"%s\"", flavours[i].name);
        put(kernel, "\x1f\x8b", 0600);
        put(ramdisk, "\x1f\x8b", 0600);
        snprintf(expected, sizeof(expected),
                 "stubdomain_kernel=\"%s\"\nstubdomain_ramdisk=\"%s\"\nstubdomain_cmdline=\"%s\"\n",
                 kernel, ramdisk, flavours[i].arguments);
        assert_int_equal(RUN("create", "g.cfg", flavour), 0);
        assert_non_null(strstr(get("args"), expected));
        assert_int_equal(RUN("--print-config", "g.cfg", flavour), 0);
        assert_non_null(strstr(get("out"), expected));

        /* A guest that was saved on another flavour, restored with a config: the config's flavour counts. */
        snprintf(text, sizeof(text), GUEST "%s\n", flavour);
        put("flavoured.cfg", text, 0600);
        xl_does("cat \"$2\" >seen");
        assert_int_equal(RUN("restore", "flavoured.cfg", "checkpoint"), 0);
        assert_non_null(strstr(get("seen"), expected));
        xl_does("exit 0");
        unlink("seen");
        unlink("flavoured.cfg");
        if (i) {
            unlink(kernel);
            unlink(ramdisk);
        }
    }
    put("fw/qemu-stubdom-linux-kernel", "\177ELF", 0600);
    put("fw/qemu-stubdom-linux-rootfs", "070701", 0600);
}

/* Inline settings come in the same order as in xl. */
static void test_create_inline(void **state)
{
    (void)state;
    xl_does("exit 0");
    assert_int_equal(RUN("create", "/dev/null", "name=\"g\"", "type=\"hvm\"",
                         "stubdom_flavor=\"linux\"", "stubdom_memory=32"),
                     0);
    assert_non_null(strstr(get("given"), "stubdom_memory=32\n\n\nuuid=\""));
    assert_non_null(strstr(get("given"), SETTINGS));
    assert_int_equal(RUN("create", "g.cfg", "stubdom_flavor=\"other\""), 1);
    assert_string_equal(get("args"), "");
    assert_string_equal(
        get("err"),
        "xl-stubdom: g.cfg: stubdom_flavor = \"other\" is unknown: use \"linux\", \"micro\" or \"rump\"\n");
}

static void test_failed_create(void **state)
{
    (void)state;
    put("log/qemu-dm-g.log", "old\n", 0600);
    xl_does("[ $1 = destroy ] || { printf 'QEMU: \\033no\\n' >log/qemu-dm-g.log.n; "
            "mv log/qemu-dm-g.log.n log/qemu-dm-g.log; exit 3; }");

    sight = (struct stub_sight){.state = STUB_ABSENT, .guest = -1, .stub = -1};
    unlink("removed");
    assert_int_equal(RUN("create", "g.cfg"), 3);
    assert_int_equal(access("removed", F_OK), 0);
    unlink("removed");
    assert_string_equal(get("args"), "create\nFILE\n" SETTINGS);
    assert_string_equal(get("err"),
                        "xl-stubdom: the end of the stub domain's log (log/qemu-dm-g.log):\n"
                        "  | QEMU: \\x1bno\n");

    /* a guest that xl has left is destroyed */
    sight = (struct stub_sight){.state = STUB_STARTING, .guest = 4, .stub = -1};
    assert_int_equal(RUN("create", "g.cfg"), 3);
    assert_string_equal(get("args"), "create\nFILE\n" SETTINGS "destroy\n4\n");
    sight = (struct stub_sight){.state = STUB_ABSENT, .guest = -1, .stub = 5};
    assert_int_equal(RUN("create", "g.cfg"), 3);
    assert_string_equal(get("args"), "create\nFILE\n" SETTINGS "destroy\n5\n");
    sight = (struct stub_sight){.state = STUB_STARTING, .guest = 4, .stub = 5};
    assert_int_equal(RUN("create", "g.cfg"), 3);
    assert_string_equal(get("args"), "create\nFILE\n" SETTINGS "destroy\n4\ndestroy\n5\n");

    leaves_untied = true;
    sight = (struct stub_sight){.state = STUB_ABSENT, .guest = -1, .stub = -1};
    assert_int_equal(RUN("create", "g.cfg"), 3);
    assert_string_equal(get("args"), "create\nFILE\n" SETTINGS "destroy\n9\n");
    leaves_untied = false;

    /* a running guest stays, whatever happens to xl */
    unlink("removed");
    sight = (struct stub_sight){.state = STUB_READY, .guest = 4, .stub = 5};
    assert_int_equal(RUN("create", "g.cfg"), 3);
    assert_string_equal(get("args"), "create\nFILE\n" SETTINGS);
    assert_string_equal(get("err"), "");
    assert_int_equal(access("removed", F_OK), -1);

    /* its device model is ready, but the guest has not run yet: it stays only with -p */
    put("paused", "", 0600);
    assert_int_equal(RUN("create", "g.cfg"), 3);
    assert_string_equal(get("args"), "create\nFILE\n" SETTINGS "destroy\n4\ndestroy\n5\n");
    assert_non_null(strstr(get("err"), "  | QEMU: \\x1bno\n"));
    assert_int_equal(RUN("create", "-p", "g.cfg"), 3);
    assert_string_equal(get("args"), "create\n-p\nFILE\n" SETTINGS);
    unlink("paused");

    sight = (struct stub_sight){.state = STUB_ABSENT, .guest = -1, .stub = -1};
    xl_does("exit 5");
    assert_int_equal(RUN("create", "g.cfg"), 5);
    assert_string_equal(get("err"), ""); /* the log is of another attempt */
    xl_does("echo daemon >log/qemu-dm-g-dm.log; exit 5");
    assert_int_equal(RUN("create", "g.cfg"), 5);
    assert_string_equal(get("err"),
                        "xl-stubdom: the end of the log of dom0's side (log/qemu-dm-g-dm.log):\n"
                        "  | daemon\n");
    unlink("log/qemu-dm-g.log");
    unlink("log/qemu-dm-g-dm.log");
}

/* xl has ended with status 0, although its last step, to unpause the guest, has failed. */
static void test_left_paused(void **state)
{
    (void)state;
    sight = (struct stub_sight){.state = STUB_READY, .guest = 4, .stub = 5};
    xl_does("[ $1 = unpause ] && rm paused || touch paused");
    assert_int_equal(RUN("create", "g.cfg"), 0);
    assert_string_equal(get("args"), "create\nFILE\n" SETTINGS "unpause\n4\n");
    assert_string_equal(get("err"), "");

    assert_int_equal(RUN("create", "-p", "g.cfg"), 0);
    assert_string_equal(get("args"), "create\n-p\nFILE\n" SETTINGS);

    /* QEMU breaks the connection each time, or does not answer */
    xl_does("exit 0");
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_non_null(strstr(get("args"), SETTINGS "unpause\n4\nunpause\n4\n"));
    assert_non_null(strstr(get("args"), "unpause\n4\ndestroy\n4\ndestroy\n5\n"));
    assert_string_equal(get("err"), "xl-stubdom: g is still paused: xl does not reach its QEMU; "
                                    "it is destroyed\n");
    xl_does("[ $1 != unpause ] || exec sleep 25");
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_string_equal(get("args"), "create\nFILE\n" SETTINGS
                                     "unpause\n4\ndestroy\n4\ndestroy\n5\n");
    unlink("paused");
    sight = (struct stub_sight){.state = STUB_ABSENT, .guest = -1, .stub = -1};
}

/* A NIC that is attached later gets the same script, if the guest has a stub domain. */
static void test_attached_nic(void **state)
{
    static const struct {
        const char *fields[2], *given;
    } cases[] = {
        {{NULL}, "script=./vif\n"},
        {{"mac=00:16:3e:00:00:01", "bridge=b"}, "mac=00:16:3e:00:00:01\nbridge=b\nscript=./vif\n"},
        {{"script=vif-route", "ip=10.0.0.1"}, "script=vif-route\nip=10.0.0.1\nscript=./vif\nforwarddev=vif-route\n"},
        {{"backend=net", NULL}, "backend=net\n"},
    };

    (void)state;
    xl_does("exit 5");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char expected[256];

        has_stub = true;
        assert_int_equal(RUN("network-attach", "g", cases[i].fields[0], cases[i].fields[1]), 5);
        snprintf(expected, sizeof(expected), "network-attach\ng\n%s", cases[i].given);
        assert_string_equal(get("args"), expected);
    }
    put("xl.conf", "vif.default.script=\"/s\"\n", 0600);
    assert_int_equal(RUN("network-a", "g", "bridge=b"), 5);
    assert_string_equal(get("args"), "network-a\ng\nbridge=b\nscript=./vif\nforwarddev=/s\n");
    unlink("xl.conf");
    assert_int_equal(RUN("network-attach", "g", "bridge=b,ip=10.0.0.1"), 1);
    assert_string_equal(get("err"),
                        "xl-stubdom: g: bridge=b,ip=10.0.0.1: one field, without a comma, is one argument\n");
    assert_int_equal(RUN("network-attach", "g", "forwarddev=x"), 1);
    assert_string_equal(get("err"), "xl-stubdom: g: forwarddev= is for COLO, which needs a QEMU in dom0\n");
    has_stub = false;
    assert_int_equal(RUN("network-attach", "g", "bridge=b"), 5);
    assert_string_equal(get("args"), "network-attach\ng\nbridge=b\n");
    /* If it is not known whether the guest has one, it is refused: the NIC might have no firewall. */
    does_not_say = true;
    assert_int_equal(RUN("network-attach", "g", "bridge=b"), 1);
    assert_string_equal(get("args"), "");
    assert_string_equal(get("err"), "xl-stubdom: g: xenstore does not say\n");
    does_not_say = false;
    /* xl's other orders about NICs, and its usage. */
    has_stub = true;
    assert_int_equal(RUN("network-detach", "g", "0"), 5);
    assert_string_equal(get("args"), "network-detach\ng\n0\n");
    assert_int_equal(RUN("network-attach"), 5);
    assert_string_equal(get("args"), "network-attach\n");
    has_stub = false;
}

/* A stub domain whose QMP does not answer: libxl would wait for ever. */
static void test_silent_monitor(void **state)
{
    (void)state;
    has_stub = true;
    xl_does("echo answer; exit 4");
    assert_int_equal(RUN("qemu-monitor-command", "g", "info version"), 4);
    assert_string_equal(get("args"), "qemu-monitor-command\ng\ninfo version\n");
    assert_string_equal(get("out"), "answer\n");
    assert_string_equal(get("err"), "");
    xl_does("kill -9 $$");
    assert_int_equal(RUN("qemu-monitor-command", "g", "quit"), -SIGKILL);
    assert_string_equal(get("err"), "");
    xl_does("exec sleep 25");
    assert_int_equal(RUN("qemu", "g", "info version"), 1);
    assert_string_equal(get("err"), "xl-stubdom: g: its QEMU has not answered for 1 s\n");

    /* a QEMU in dom0 has no time limit */
    has_stub = false;
    xl_does("sleep 1.5; exit 4");
    assert_int_equal(RUN("qemu-monitor-command", "g", "info version"), 4);
    assert_string_equal(get("err"), "");
}

static void test_signals(void **state)
{
    pid_t pid;
    int status;

    (void)state;
    remove("ended");
    xl_does("kill -TERM $$");
    assert_int_equal(RUN("create", "g.cfg"), -SIGTERM);
    assert_string_equal(get("err"), "xl-stubdom: xl was ended by a signal (Terminated) before g ran\n");
    assert_int_equal(access("ended", F_OK), 0);

    /* a signal to us is passed on to xl */
    xl_does("trap 'exit 9' USR1; touch ready; while :; do sleep 0.05; done");
    unlink("ready");
    pid = START("create", "g.cfg");
    while (access("ready", F_OK))
        usleep(10000);
    kill(pid, SIGUSR1);
    status = finish(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 9);
    unlink("ready");

    /* a signal while we clean up changes nothing */
    xl_does("[ $1 = destroy ] || exit 3; kill -INT $PPID $$; sleep 0.1; echo done >>args");
    sight = (struct stub_sight){.state = STUB_STARTING, .guest = 4, .stub = -1};
    assert_int_equal(RUN("create", "g.cfg"), 3);
    assert_string_equal(get("args"), "create\nFILE\n" SETTINGS "destroy\n4\ndone\n");
    sight = (struct stub_sight){.state = STUB_ABSENT, .guest = -1, .stub = -1};
}

static void test_early_death(void **state)
{
    (void)state;
    xl_does("[ $1 = destroy ] || { echo 'panic' >log/qemu-dm-g.log; exec sleep 25; }");
    sight = (struct stub_sight){.state = STUB_ENDED, .guest = 4, .stub = -1, .reason = 3};
    assert_int_equal(write(release_pipe[1], "x", 1), 1);
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_string_equal(get("args"), "create\nFILE\n" SETTINGS "destroy\n4\n");
    assert_string_equal(get("err"),
                        "xl-stubdom: the stub domain of g crashed before its device model was ready\n"
                        "xl-stubdom: the end of the stub domain's log (log/qemu-dm-g.log):\n"
                        "  | panic\n");
    unlink("log/qemu-dm-g.log");

    xl_does("[ $1 = destroy ] || exec sleep 25");
    assert_int_equal(write(release_pipe[1], "x", 1), 1);
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_non_null(strstr(get("err"), "\nxl-stubdom: it left nothing in log/qemu-dm-g.log; "));

    /* another domain has ended */
    xl_does("sleep 1.5");
    sight = (struct stub_sight){.state = STUB_STARTING, .guest = 4};
    assert_int_equal(write(release_pipe[1], "x", 1), 1);
    assert_int_equal(RUN("create", "g.cfg"), 0);
    assert_string_equal(get("err"), "");
    sight = (struct stub_sight){.state = STUB_ABSENT, .guest = -1, .stub = -1};
}

/* Where xl takes no inline settings it gets a file of ours. The user's file stays as it is. */
static void test_config_by_file(void **state)
{
    (void)state;
    xl_does("cat \"$3\" >seen 2>/dev/null; exit 0");
    assert_int_equal(RUN("restore", "-p", "g.cfg", "checkpoint"), 0);
    assert_non_null(strstr(get("seen"), GUEST "\nuuid=\""));
    assert_non_null(strstr(get("seen"), SETTINGS));
    assert_non_null(strstr(get("args"), "restore\n-p\nFILE\n"));
    assert_string_equal(get("g.cfg"), GUEST);

    xl_does("cat \"$4\" >seen; exit 0");
    assert_int_equal(RUN("save", "dom", "checkpoint", "g.cfg"), 0);
    assert_string_equal(get("seen"), GUEST "\n" SETTINGS);
    unlink("seen");

    assert_int_equal(RUN("restore", "checkpoint"), 0);
    assert_string_equal(get("args"), "restore\ncheckpoint\n");
    unlink("seen");
}

/* On a Xen without shadow paging hap = 0 is refused. If Xen cannot be asked, this is left to xl. */
static void test_paging(void **state)
{
    (void)state;
    xl_does("exit 0");
    put("g.cfg", GUEST "hap = 0\n", 0600);
    has_shadow = 0;
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_string_equal(get("err"), "xl-stubdom: g.cfg: hap = 0: this host's Xen is built without shadow paging: "
                                    "remove it\n");
    assert_int_equal(RUN("--print-config", "g.cfg"), 0);
    put("g.cfg", GUEST "hap = 1\n", 0600);
    assert_int_equal(RUN("create", "g.cfg"), 0);
    put("g.cfg", GUEST "hap = 0\n", 0600);
    has_shadow = 1;
    assert_int_equal(RUN("create", "g.cfg"), 0);
    has_shadow = -EIO;
    assert_int_equal(RUN("create", "g.cfg"), 0);
}

/* Likewise with processor trace; but a guest that is restored is left to xl. */
static void test_vmtrace(void **state)
{
    (void)state;
    xl_does("exit 0");
    put("g.cfg", GUEST "vmtrace_buf_kb = 64\n", 0600);
    has_vmtrace = 0;
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_string_equal(get("err"), "xl-stubdom: g.cfg: vmtrace_buf_kb: this host's processors cannot trace, or Xen "
                                    "does not let them: remove it\n");
    assert_int_equal(RUN("restore", "g.cfg", "state"), 0);
    has_vmtrace = 1;
    assert_int_equal(RUN("create", "g.cfg"), 0);
    has_vmtrace = 0;
    put("g.cfg", GUEST "vmtrace_buf_kb = 0\n", 0600);
    assert_int_equal(RUN("create", "g.cfg"), 0);
}

/* What a new guest and its stub domain need beyond what the host has; one that is restored is xl's to try. */
static void test_memory(void **state)
{
    (void)state;
    xl_does("exit 0");
    put("g.cfg", GUEST "memory = 100\nmaxmem = 512\nvcpus = 1\nmaxvcpus = 2\n", 0600);
    supply = (struct memory_supply){130, 5};
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_string_equal(get("err"), "xl-stubdom: g.cfg: not enough memory: the guest takes 100 MiB, its stub domain "
                                    "32, Xen for them 4, and this host has 130 free, and 5 that dom0 can give\n");
    assert_int_equal(RUN("--print-config", "g.cfg"), 0);
    assert_int_equal(RUN("restore", "g.cfg", "state"), 0);
    put("xl.conf", "autoballoon = \"off\"\n", 0600);
    autoballoon = AUTOBALLOON_OFF;
    no_supply = -EIO;
    assert_int_equal(RUN("create", "g.cfg"), 0);
    no_supply = 0;
    put("xl.conf", "autoballoon = 0\n", 0600);
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_non_null(strstr(get("err"), "not enough memory"));
    put("xl.conf", "autoballoon = \"1\"\n", 0600);
    autoballoon = AUTOBALLOON_ON;
    supply.dom0 = 6;
    assert_int_equal(RUN("create", "g.cfg"), 0);
    put("xl.conf", "autoballoon = \"auto\"\n", 0600);
    autoballoon = AUTOBALLOON_AUTO;
    put("g.cfg", GUEST "memory = 2000\nmaxmem = 1000\nshadow_memory = 1\n", 0600);
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_non_null(strstr(get("err"), "the guest takes 1000 MiB, its stub domain 32, Xen for them 1, and"));
    put("g.cfg", GUEST "maxmem = 1000\nshadow_memory = 1\n", 0600);
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_non_null(strstr(get("err"), "the guest takes 1000 MiB, its stub domain 32, Xen for them 1, and"));
    unlink("xl.conf");
    supply = (struct memory_supply){1 << 20, 0};
}

/* Passthrough needs another kernel. Devices that this host lacks are refused only for a new guest. */
static void test_pci(void **state)
{
    (void)state;
    put("g.cfg", GUEST "pci = [ '00:10.0' ]\n", 0600);
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_non_null(strstr(get("err"), "fw/qemu-stubdom-linux-pci-kernel: No such file"));
    put("fw/qemu-stubdom-linux-pci-kernel", "\177ELF", 0600);
    xl_does("cat \"$2\" >seen 2>/dev/null; exit 0");
    assert_int_equal(RUN("create", "g.cfg"), 0);
    assert_non_null(strstr(get("seen"), "stubdomain_kernel=\"fw/qemu-stubdom-linux-pci-kernel\""));
    host_refuses = true;
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_string_equal(get("err"), "xl-stubdom: g.cfg: not on this host\n");
    assert_int_equal(RUN("--print-config", "g.cfg"), 0);
    host_refuses = false;
    only_a_pin = true;
    assert_int_equal(RUN("create", "g.cfg"), 0);
    assert_string_equal(get("err"), "xl-stubdom: g.cfg: only a pin\n");
    assert_int_equal(RUN("--print-config", "g.cfg"), 0);
    assert_string_equal(get("err"), "");
    only_a_pin = false;
    put("g.cfg", GUEST "pci = []\n", 0600);
    assert_int_equal(RUN("create", "g.cfg"), 0);
    assert_non_null(strstr(get("seen"), "passthrough=\"enabled\""));

    has_stub = stub_has_devices = true;
    assert_int_equal(RUN("save", "dom", "checkpoint"), 1);
    assert_non_null(strstr(get("err"), "dom has PCI devices"));
    assert_int_equal(RUN("migrate", "dom", "host"), 1);
    stub_has_devices = false;
    assert_int_equal(RUN("save", "dom", "checkpoint"), 0);
    assert_int_equal(RUN("pci-attach", "dom", "00:10.0"), 1);
    assert_non_null(strstr(get("err"), "dom: its stub domain's kernel has no PCI: a guest needs pci= in its config "
                           "for that, of the flavour \"linux\"; an empty list"));
    stub_may_have_devices = true;
    assert_int_equal(RUN("pci-attach", "dom", "00:10.0"), 0);
    has_stub = false;
    put("g.cfg", GUEST, 0600);
    unlink("fw/qemu-stubdom-linux-pci-kernel");
    unlink("seen");
}

/* Makes a saved guest's file, as xl does: the header, then the config as JSON. */
static void put_saved(const char *json, uint32_t len)
{
    const uint32_t numbers[] = { 0x01020304, 3, 0, 4 + len, len };
    FILE *f = fopen("saved", "w");

    assert_non_null(f);
    fwrite("Xen saved domain, xl format\n \0 \r", 1, 32, f);
    fwrite(numbers, 1, sizeof(numbers), f);
    fwrite(json, 1, strlen(json) + 1, f);
    fclose(f);
}

#define SAVED(stub, kernel) \
    "{\"c_info\":{\"name\":\"g\",\"uuid\":\"1-2\"},\"b_info\":{\"device_model_version\":\"qemu_xen\"," \
    "\"device_model_stubdomain\":\"" stub "\",\"stubdomain_kernel\":\"fw/" kernel "\"}}"

/* A guest that is restored with its saved config is watched like one that is created. */
static void test_saved_guest(void **state)
{
    static const char ours[] = SAVED("True", "qemu-stubdom-linux-kernel");
    static const char plain[] = SAVED("False", "none");

    (void)state;
    xl_does("[ $1 = destroy ] || { echo 'panic' >log/qemu-dm-g.log; exit 3; }");
    sight = (struct stub_sight){.state = STUB_STARTING, .guest = 4, .stub = -1};
    put_saved(ours, sizeof(ours));
    assert_int_equal(RUN("restore", "-p", "saved"), 3);
    assert_string_equal(get("args"), "restore\n-p\nsaved\ndestroy\n4\n");
    assert_string_equal(watched_uuid(), "1-2\n");
    assert_non_null(strstr(get("err"), "  | panic\n"));
    unlink("log/qemu-dm-g.log");

    put_saved(SAVED("True", "missing"), sizeof(SAVED("True", "missing")));
    assert_int_equal(RUN("restore", "saved"), 1);
    assert_string_equal(get("args"), "");
    assert_non_null(strstr(get("err"), "xl-stubdom: fw/missing: "));

    /* The rules of the flavour that it was saved on apply. */
    put("fw/qemu-stubdom-micro-kernel", "\x1f\x8b", 0600);
    put("fw/qemu-stubdom-micro.manifest", "3 aa qemu-stubdom-micro-kernel\n", 0600);
    put_saved(SAVED("True", "qemu-stubdom-micro-kernel"),
              sizeof(SAVED("True", "qemu-stubdom-micro-kernel")));
    assert_int_equal(RUN("restore", "saved"), 1);
    assert_string_equal(get("err"), "xl-stubdom: fw/qemu-stubdom-micro-kernel: truncated: 2 bytes of 3, "
                                    "install it again\n");
    unlink("fw/qemu-stubdom-micro.manifest");
    unlink("fw/qemu-stubdom-micro-kernel");

    /* A guest without a stub domain, a truncated file, or no file: left to xl. */
    xl_does("exit 3");
    put_saved(plain, sizeof(plain));
    assert_int_equal(RUN("restore", "saved"), 3);
    assert_string_equal(get("args"), "restore\nsaved\n");
    put_saved("{", sizeof(ours));
    assert_int_equal(RUN("restore", "saved"), 3);
    put_saved("{ nonsense", 11);
    assert_int_equal(RUN("restore", "saved"), 3);
    put_saved("", UINT32_MAX);
    assert_int_equal(RUN("restore", "saved"), 3);
    unlink("saved");
    sight = (struct stub_sight){.state = STUB_ABSENT, .guest = -1, .stub = -1};
}

/* require = 1 applies to every guest that is made through xl-stubdom. */
static void test_required(void **state)
{
    static const char plain[] = "{\"c_info\":{\"name\":\"p\",\"type\":\"hvm\"},\"b_info\":{}}";

    (void)state;
    xl_does("exit 0");
    put("host.conf", "require = 1\n", 0600);
    put("plain.cfg", "name = \"p\"\ntype = \"hvm\"\n", 0600);
    put_saved(plain, sizeof(plain));
    assert_int_equal(RUN("create", "plain.cfg"), 1);
    assert_string_equal(get("args"), "");
    assert_non_null(strstr(get("err"), "plain.cfg: this host requires a stub domain"));
    assert_int_equal(RUN("restore", "saved"), 1);
    assert_string_equal(get("args"), "");
    assert_non_null(strstr(get("err"), "saved: this host requires a stub domain"));
    /* a file that we cannot read might be a guest without a stub domain to xl */
    put_saved("name = \"p\"", 10);
    assert_int_equal(RUN("restore", "saved"), 1);
    assert_string_equal(get("args"), "");
    assert_int_equal(RUN("restore", "no-file"), 0);
    put_saved(plain, sizeof(plain));
    /* a running guest can be saved and migrated */
    assert_int_equal(RUN("save", "p", "file", "plain.cfg"), 0);
    assert_int_equal(RUN("migrate", "-C", "plain.cfg", "p", "host"), 0);
    put("host.conf", "nonsense\n", 0600);
    assert_int_equal(RUN("save", "p", "file", "plain.cfg"), 0);
    assert_int_equal(RUN("create", "plain.cfg"), 1);
    assert_int_equal(RUN("restore", "saved"), 1);
    put("host.conf", "default_flavour = \"linux\"\n", 0600);
    assert_int_equal(RUN("restore", "saved"), 0);
    assert_int_equal(RUN("create", "g.cfg"), 0);
    unlink("host.conf");
    assert_int_equal(RUN("create", "plain.cfg"), 0);
    assert_string_equal(get("args"), "create\nplain.cfg\n");
    unlink("saved");
}

#define MISSING ": No such file or directory: `make install` of xen-stubdom, or its package, puts it there\n"

static void expect_refused(const char *message)
{
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_string_equal(get("err"), message);
    assert_string_equal(get("args"), "");
}

static void test_refused_before_xl(void **state)
{
    (void)state;
    xl_does("exit 0");
    put("g.cfg", "name = \"g\"\nname = = 1\n", 0600);
    expect_refused("xl-stubdom: g.cfg:2: config parsing error near `=': syntax error, unexpected '=', "
                   "expecting STRING or NUMBER or '['\n");
    put("g.cfg", GUEST "stubdom_flavor = \"micro\"\n", 0600);
    expect_refused("xl-stubdom: fw/qemu-stubdom-micro-kernel" MISSING);
    put("g.cfg", GUEST "stubdom_flavor = \"rump\"\n", 0600);
    expect_refused("xl-stubdom: fw/qemu-stubdom-rump-kernel: No such file or directory: `make rump "
                   "RUMPRUN=DIR` builds it with a rumprun toolchain, and `make install` puts it there\n");
    put("g.cfg", GUEST "stubdom_image = \"debug\"\nstubdom_memory = 48\n", 0600);
    expect_refused("xl-stubdom: fw/qemu-stubdom-linux-rootfs-debug" MISSING);
    put("g.cfg", GUEST, 0600);

    put("fw/qemu-stubdom-linux.manifest", "7 aa qemu-stubdom-linux-rootfs\n", 0600);
    expect_refused("xl-stubdom: fw/qemu-stubdom-linux-rootfs: truncated: 6 bytes of 7, "
                   "install it again\n");
    unlink("fw/qemu-stubdom-linux.manifest");
    rename("dm", "dm.away");
    expect_refused("xl-stubdom: ./dm: No such file or directory\n");
    rename("dm.away", "dm");

    rename("vif", "vif.away");
    expect_refused("xl-stubdom: ./vif: No such file or directory\n");
    rename("vif.away", "vif");
    rename("block", "block.away");
    expect_refused("xl-stubdom: ./block: No such file or directory\n");
    rename("block.away", "block");
    rename("fw/qemu-stubdom-linux-kernel", "kernel");
    expect_refused("xl-stubdom: fw/qemu-stubdom-linux-kernel" MISSING);
    rename("kernel", "fw/qemu-stubdom-linux-kernel");

    unlink("xl");
    expect_refused("xl-stubdom: ./xl: No such file or directory\n");
    assert_int_equal(RUN("list"), 1);
    assert_string_equal(get("err"), "xl-stubdom: ./xl: No such file or directory\n");
    unsetenv("XL");
    setenv("PATH", ".::/nonexistent", 1);
    expect_refused("xl-stubdom: xl is not installed: there is none in PATH\n");
    /* This program is installed as xl, and the real xl was moved away. */
    assert_int_equal(symlink("/proc/self/exe", "xl"), 0);
    setenv("PATH", ".", 1);
    put("diverted", "#!/bin/sh\nexit 5\n", 0755);
    assert_int_equal(RUN("list"), 5);
    unlink("diverted");
    assert_int_equal(RUN("list"), 1);
    unlink("xl");
    setenv("PATH", "/nonexistent:/usr/bin:/bin:.", 1);
    xl_does("exit 4");
    assert_int_equal(RUN("list"), 4);
    setenv("XL", "./xl", 1);
}

/* xl.conf's script for NICs runs through our helper. */
static void test_xl_conf(void **state)
{
    static const struct {
        const char *conf, *forward;
    } cases[] = {
        {"", ""},
        {"vif.default.script=\"vif-route\"\n", ",forwarddev=vif-route"},
        {"vifscript=\"/old\"\n", ",forwarddev=/old"},
        {"vif.default.script=\"new\"\nvifscript=\"old\"\nautoballoon=0\n", ",forwarddev=new"},
        {"does not parse\n", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char expected[512];

        put("xl.conf", cases[i].conf, 0600);
        snprintf(expected, sizeof(expected), "%svif=[\"bridge=b,script=./vif%s\"]\n", SETTINGS, cases[i].forward);
        assert_int_equal(RUN("--print-config", "g.cfg", "vif=['bridge=b']"), 0);
        assert_string_equal(get("out"), expected);
    }
    put("xl.conf", "max_grant_frames=1\n", 0600);
    assert_int_equal(RUN("create", "g.cfg"), 1);
    assert_non_null(strstr(get("err"), "g.cfg: max_grant_frames = 1, of xl.conf, is too small"));
    put("xl.conf", "vif.default.backend=\"net\"\n", 0600);
    assert_int_equal(RUN("--print-config", "g.cfg", "vif=['bridge=b']"), 0);
    assert_string_equal(get("out"), SETTINGS "vif=[\"bridge=b\"]\n");
    unlink("xl.conf");
}

static void test_print_config(void **state)
{
    (void)state;
    xl_does("exit 0");
    assert_int_equal(RUN("--print-config", "g.cfg"), 0);
    assert_string_equal(get("out"), SETTINGS);
    assert_string_equal(get("args"), "");
    assert_int_equal(RUN("--print-config", "g.cfg", "stubdom_memory=64"), 0);
    assert_non_null(strstr(get("out"), "stubdomain_memory=56\n"));
    assert_int_equal(RUN("--print-config", "plain.cfg"), 1);
    assert_string_equal(get("err"), "xl-stubdom: plain.cfg: no stubdom_flavor in it\n");
    assert_int_equal(RUN("--print-config"), 2);
    assert_int_equal(RUN("--print-config", "g.cfg", "more"), 2);
}

static void test_version(void **state)
{
    (void)state;
    put("fw/qemu-stubdom-linux.manifest",
        "4 00 qemu-stubdom-linux-kernel\n# made of linux 6, xen 4.17\n"
        "# not the newest: xen 4.17, 4.20 was not to be had\n", 0600);
    assert_int_equal(RUN("--version"), 0);
    unlink("fw/qemu-stubdom-linux.manifest");
    assert_string_equal(get("out"),
                        "xl-stubdom 7.8\n"
                        "linux: fw/qemu-stubdom-linux-kernel, fw/qemu-stubdom-linux-rootfs\n"
                        "  made of linux 6, xen 4.17\n"
                        "  not the newest: xen 4.17, 4.20 was not to be had\n"
                        "micro: fw/qemu-stubdom-micro-kernel" MISSING
                        "rump: fw/qemu-stubdom-rump-kernel: No such file or directory: `make rump "
                        "RUMPRUN=DIR` builds it with a rumprun toolchain, and `make install` puts it there\n");
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir) || chdir(dir) || pipe(release_pipe))
        return -1;
    mkdir("fw", 0700);
    mkdir("log", 0700);
    put("g.cfg", GUEST, 0600);
    put("dm", "", 0755);
    put("vif", "", 0755);
    put("block", "", 0755);
    put("fw/qemu-stubdom-linux-kernel", "\177ELF", 0600);
    put("fw/qemu-stubdom-linux-rootfs", "070701", 0600);
    setenv("XL", "./xl", 1);
    sight = (struct stub_sight){.state = STUB_ABSENT, .guest = -1, .stub = -1};
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {
        "fw/qemu-stubdom-linux-kernel", "fw/qemu-stubdom-linux-rootfs", "fw", "log", "g.cfg", "plain.cfg",
        "dm", "vif", "block", "xl.conf", "xl", "out", "err", "args", "seen", "saved", "given",
        "uuid", "removed", "ended", "lock/g.lock", "lock", "secret.cfg",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        remove(names[i]);
    return chdir("/") || rmdir(dir);
}

/* Values that cannot work in a stub domain are refused before there is one. */
static void test_boot_files_and_arguments(void **state)
{
    static const struct {
        const char *line, *reason;
    } cases[] = {
        { "kernel = \"no-such\"", "kernel = \"no-such\": No such file" },
        { "ramdisk = \"/\"", "ramdisk = \"/\": not a plain file" },
        { "kernel = \"g.cfg\"\nstubdom_memory = 22", "stubdom_memory = 22 is too small" },
        { "device_model_args = [ \"-chardev\", \"pty,id=a\" ]",
          "device_model_args: -chardev pty,id=a: nobody can reach it" },
        { "device_model_args_hvm = [ \"-kernel\", \"/boot/k\" ]",
          "device_model_args_hvm: -kernel /boot/k: say kernel = in the config instead" },
    };

    (void)state;
    xl_does("exit 0");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[400];

        snprintf(text, sizeof(text), "name = \"g\"\ntype = \"hvm\"\nstubdom_flavor = \"linux\"\n%s\n",
                 cases[i].line);
        put("boot.cfg", text, 0600);
        unlink("args");
        assert_int_equal(RUN("create", "boot.cfg"), 1);
        assert_int_not_equal(access("args", F_OK), 0);
        if (!strstr(get("err"), cases[i].reason))
            fail_msg("%s: %s", cases[i].line, get("err"));
    }
}

#define DISK "disk = [ \"/no-such,raw,hda,rw\" ]\n"

/* A disk that is missing here does not prevent saving, migrating or restoring a guest, nor --print-config. */
static void test_missing_disk(void **state)
{
    (void)state;
    xl_does("exit 0");
    put("boot.cfg", GUEST DISK, 0600);
    assert_int_equal(RUN("create", "boot.cfg"), 1);
    assert_string_equal(get("err"), "xl-stubdom: boot.cfg: disk hda: /no-such: No such file or directory\n");
    assert_int_equal(RUN("create", "-n", "boot.cfg"), 1);
    assert_int_equal(RUN("create", "g.cfg", DISK), 1);
    assert_int_equal(RUN("create", "g.cfg", "disk=['backend=nobody,vdev=hda,target=/x']"), 1);
    assert_string_equal(get("err"), "xl-stubdom: g.cfg: disk hda: backend=nobody: there is no such domain\n");
    assert_int_equal(RUN("create", "g.cfg", "disk=['backend=storage,vdev=hda,target=/x']"), 0);
    assert_int_equal(RUN("restore", "boot.cfg", "saved"), 0);
    assert_int_equal(RUN("save", "g", "saved", "boot.cfg"), 0);
    assert_int_equal(RUN("migrate", "-C", "boot.cfg", "g", "host"), 0);
    assert_int_equal(RUN("config-update", "g", "boot.cfg"), 0);
    assert_int_equal(RUN("--print-config", "boot.cfg"), 0);
}

/* What compare finds out before a guest is made; test-xl-compare.c has the rest. There is no Xen here. */
static void test_compare(void **state)
{
    xl_does("exit 0");
    assert_int_equal(RUN("compare"), 2);
    assert_non_null(strstr(get("err"), "either a guest's config or --from=FILE"));
    assert_int_equal(RUN("compare", "--from=no.json"), 1);
    assert_non_null(strstr(get("err"), "no.json: not what"));
    put("host.conf", "require = 1\n", 0600);
    assert_int_equal(RUN("compare", "--of=rump,linux,dom0", "--yes", "g.cfg"), 1);
    assert_non_null(strstr(get("err"), "missing: rump: fw/qemu-stubdom-rump-kernel"));
    assert_non_null(strstr(get("err"), "missing: dom0: g.cfg: this host requires a stub domain"));
    assert_null(strstr(get("err"), "missing: linux"));
    assert_non_null(strstr(get("err"), "xl-stubdom: no Xen here"));
    unlink("host.conf");
    assert_int_equal(RUN("compare", "--of=rump", "--yes", "g.cfg"), 1);
    assert_non_null(strstr(get("err"), "g.cfg: nothing to compare: all are missing"));
    assert_int_equal(RUN("compare", "--of=dom0", "--yes", "g.cfg"), 1);
    assert_non_null(strstr(get("err"), "no flavour of stub domain among them"));
    /* A mistake in the config is an error, and not a missing flavour. */
    assert_int_equal(RUN("compare", "--yes", "g.cfg", "stubdom_memory=1"), 1);
    assert_non_null(strstr(get("err"), "stubdom_memory"));
    assert_null(strstr(get("err"), "missing"));
    assert_string_equal(get("args"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_else_is_xl),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_create_inline),
        cmocka_unit_test(test_nothing_on_the_command_line),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_every_flavour),
        cmocka_unit_test(test_failed_create),
        cmocka_unit_test(test_left_paused),
        cmocka_unit_test(test_attached_nic),
        cmocka_unit_test(test_silent_monitor),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_early_death),
        cmocka_unit_test(test_config_by_file),
        cmocka_unit_test(test_paging),
        cmocka_unit_test(test_vmtrace),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_pci),
        cmocka_unit_test(test_saved_guest),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_refused_before_xl),
        cmocka_unit_test(test_xl_conf),
        cmocka_unit_test(test_print_config),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_boot_files_and_arguments),
        cmocka_unit_test(test_missing_disk),
    };

    return cmocka_run_group_tests_name("xl-main", tests, set_up, tear_down);
}
