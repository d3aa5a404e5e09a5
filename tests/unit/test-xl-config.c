// sources: launcher/xl-stubdom/config.c launcher/xl-stubdom/settings.c launcher/xl-stubdom/pci.c
// sources: launcher/xl-stubdom/disks.c launcher/xl-stubdom/fault.c launcher/xl-stubdom/flavour.c
// sources: launcher/xl-stubdom/keys.c launcher/xl-stubdom/host-config.c launcher/xl-stubdom/nics.c
// sources: launcher/xl-stubdom/devices.c launcher/xl-stubdom/channels.c launcher/xl-stubdom/serials.c
// sources: launcher/dom0-daemon/outputs/output-spec.c
// sources: launcher/xl-stubdom/host-file.c launcher/xl-stubdom/firmware.c launcher/xl-stubdom/vnc.c
// sources: launcher/xl-stubdom/usb.c launcher/dom0-daemon/root/options.c launcher/dom0-daemon/both/vnc-port.c
// libs: xlutil xenlight
// cflags: -DUSBBACK="\"/tmp/xl-config-usbback\""
/*
 * What xl-stubdom makes of a guest's config: the settings for libxl, or a line that says what is wrong. The parser is
 * the real libxlutil.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "config.h"
#include "settings.h"

#define GUEST "name = \"g\"\ntype = \"hvm\"\nstubdom_flavor = \"linux\"\n"
#define BUSY "4307" /* a display, and its port */
#define BUSY_PORT 10207
#define PACKED "/tmp/xl-config-hvmloader.gz"
#define TEN(x) x x x x x x x x x x
#define NAME_220 TEN("twenty-two-characters.")
#define GUEST_32 GUEST "stubdom_memory = 32\n"

static const struct places places = {.firmware = "/fw", .daemon = "/dm"};

/* Returns the fault of a config's text, or "" and the settings, which the caller disposes of. */
static const struct host_config *host; /* NULL: none */
static long files; /* MiB, in place of guest-files.c's result */

static const char *work_out(const char *text, struct settings *settings)
{
    static struct fault fault;
    struct config config;
    int rc = config_init_text(&config, "g.cfg", text, strlen(text), host, &fault);

    memset(settings, 0, sizeof(*settings));
    if (!rc) {
        assert_non_null(config.flavour);
        config.files = files;
        rc = settings_init(settings, &config, &places, &fault);
    }
    config_dispose(&config);
    assert_true(rc <= 0);
    if (!rc)
        return "";
    assert_null(strchr(fault.text, '\n'));
    return fault.text;
}

static void test_settings(void **state)
{
    static const char *const expected[] = {
        "device_model_stubdomain_override=1",
        "device_model_version=\"qemu-xen\"",
        "device_model_override=\"/dm\"",
        "stubdomain_kernel=\"/fw/qemu-stubdom-linux-kernel\"",
        "stubdomain_ramdisk=\"/fw/qemu-stubdom-linux-rootfs\"",
        "stubdomain_cmdline=\"console=hvc0 xen_privcmd.unrestricted=1\"",
        "stubdomain_memory=24",
    };
    struct settings settings;

    (void)state;
    assert_string_equal(work_out(GUEST_32, &settings), "");
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_string_equal(settings.line[i], expected[i]);
    settings_dispose(&settings);
}

/* The settings, read back by the parser that xl uses, mean what was meant, whatever is in them. */
static void test_settings_survive_the_parser(void **state)
{
    struct settings settings;
    struct config config;
    struct fault fault;
    char text[1024];

    (void)state;
    assert_string_equal(
        work_out(GUEST "stubdom_cmdline = 'a=\"b c\" d\\\\e \\n \\'f'", &settings), "");
    snprintf(text, sizeof(text), GUEST "%s\n", settings.line[KEY_CMDLINE]);
    assert_int_equal(config_init_text(&config, "g.cfg", text, strlen(text), host, &fault), 0);
    assert_string_equal(config.libxl[KEY_CMDLINE],
                        "console=hvc0 xen_privcmd.unrestricted=1 a=\"b c\" d\\e \n 'f");
    config_dispose(&config);
    settings_dispose(&settings);
}

/* xl does not count a vCPU that the config does not name. */
static void test_one_vcpu(void **state)
{
    static const char *const given[] = {"vcpus = 1", "maxvcpus = 3", "vcpus = 2\nmaxvcpus = 3"};
    static const char *const not_given[] = {GUEST, GUEST "vcpus = 0\n", GUEST "vcpus = 'x'\n"};
    struct settings settings;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(not_given); i++) {
        assert_string_equal(work_out(not_given[i], &settings), "");
        assert_string_equal(settings.line[KEY_COUNT], "vcpus=1");
        settings_dispose(&settings);
    }
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        char text[256];

        snprintf(text, sizeof(text), GUEST "%s\n", given[i]);
        assert_string_equal(work_out(text, &settings), "");
        assert_string_equal(settings.line[KEY_COUNT], "vkb_device=0");
        settings_dispose(&settings);
    }
}

/* The PV keyboard, which nobody serves, is switched off unless the config asks for it. */
static void test_keyboard(void **state)
{
    static const char *const given[] = {"vkb_device = 1", "vkb_device = 0", "vkb = [ 'backend-type=linux' ]"};
    struct settings settings;

    (void)state;
    assert_string_equal(work_out(GUEST, &settings), "");
    assert_int_equal(settings.count, KEY_COUNT + 2);
    assert_string_equal(settings.line[KEY_COUNT + 1], "vkb_device=0");
    settings_dispose(&settings);
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        char text[256];

        snprintf(text, sizeof(text), GUEST "%s\n", given[i]);
        assert_string_equal(work_out(text, &settings), "");
        assert_int_equal(settings.count, KEY_COUNT + 1);
        settings_dispose(&settings);
    }
    assert_string_equal(work_out(GUEST "vkb_device = [ '1' ]\n", &settings),
                        "g.cfg: vkb_device is a list but must be a single value");
    settings_dispose(&settings);
}

/* The output of --print-config may stand in the config together with stubdom_flavor. */
static void test_own_settings_do_not_conflict(void **state)
{
    struct settings settings, again;
    char text[2048] = GUEST "stubdom_memory = 0x40\nstubdom_firewall = 0\n";

    (void)state;
    assert_string_equal(work_out(text, &settings), "");
    for (int key = 0; key < KEY_COUNT; key++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\n", settings.line[key]);
    assert_string_equal(work_out(text, &again), "");
    for (int key = 0; key < KEY_COUNT; key++)
        assert_string_equal(settings.line[key], again.line[key]);
    settings_dispose(&settings);
    settings_dispose(&again);
}

static void test_variants(void **state)
{
    static const struct {
        const char *text;
        enum libxl_key key;
        const char *expected;
    } cases[] = {
        {"stubdom_image = \"debug\"\nstubdom_memory = 48", KEY_RAMDISK,
         "stubdomain_ramdisk=\"/fw/qemu-stubdom-linux-rootfs-debug\""},
        {"stubdom_image = \"release\"", KEY_RAMDISK,
         "stubdomain_ramdisk=\"/fw/qemu-stubdom-linux-rootfs\""},
        {"stubdom_image = \"debug\"\nstubdom_memory = 64", KEY_MEMORY, "stubdomain_memory=56"},
        {"stubdom_firewall = 0", KEY_CMDLINE,
         "stubdomain_cmdline=\"console=hvc0 xen_privcmd.unrestricted=1 stubdom.firewall=0\""},
        {"stubdom_cmdline = \"quiet\"", KEY_CMDLINE,
         "stubdomain_cmdline=\"console=hvc0 xen_privcmd.unrestricted=1 quiet\""},
        /* total minus the video memory that libxl adds */
        {"vga = \"none\"", KEY_MEMORY, "stubdomain_memory=32"},
        {"vga = \"cirrus\"", KEY_MEMORY, "stubdomain_memory=24"},
        {"vga = \"stdvga\"", KEY_MEMORY, "stubdomain_memory=16"},
        {"stdvga = 1", KEY_MEMORY, "stubdomain_memory=16"},
        {"stdvga = 0", KEY_MEMORY, "stubdomain_memory=24"},
        {"stdvga = 1\nvga = \"cirrus\"", KEY_MEMORY, "stubdomain_memory=24"},
        {"vga = \"stdvga\"\nvideoram = 20", KEY_MEMORY, "stubdomain_memory=12"},
        {"stubdom_memory = 128\nvideoram = 64", KEY_MEMORY, "stubdomain_memory=64"},
        {"stubdom_memory = 22\nvga = \"stdvga\"", KEY_MEMORY, "stubdomain_memory=6"},
        {"stubdom_memory = \"64\"\nstubdom_memory = 48", KEY_MEMORY, "stubdomain_memory=40"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings settings;
        char text[512];

        snprintf(text, sizeof(text), GUEST_32 "%s\n", cases[i].text);
        assert_string_equal(work_out(text, &settings), "");
        assert_string_equal(settings.line[cases[i].key], cases[i].expected);
        settings_dispose(&settings);
    }
}

static void test_default_memory(void **state)
{
    static const struct {
        const char *text;
        long memory;
    } cases[] = {
        {GUEST, 64 - 8},
        {GUEST "vnc = 1\nvga = \"none\"\n", 64},
        {GUEST "vnc = 0\n", 32 - 8},
        {GUEST "vnc = 0\nvga = \"none\"\n", 32},
        {GUEST "videoram = 256\n", 0}, /* the video memory is added to this */
        {GUEST "stubdom_image = \"debug\"\n", 128 - 8},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings settings;
        char expected[32];

        snprintf(expected, sizeof(expected), "stubdomain_memory=%ld", cases[i].memory);
        assert_string_equal(work_out(cases[i].text, &settings), "");
        assert_string_equal(settings.line[KEY_MEMORY], expected);
        settings_dispose(&settings);
    }
}

/* Loads and parses a config, as the program does. */
static int config_init(struct config *config, const char *path, const char *extra, struct fault *fault)
{
    char *text = NULL;
    size_t len;
    int rc = config_load(path, extra, &text, &len, fault);

    memset(config, 0, sizeof(*config));
    if (!rc)
        rc = config_init_text(config, path, text, len, NULL, fault);
    free(text);
    return rc;
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {GUEST "stubdom_flavor = \"windows\"\n",
         "g.cfg: stubdom_flavor = \"windows\" is unknown: use \"linux\", \"micro\" or \"rump\""},
        {GUEST "stubdom_flavor = \"\"\n",
         "g.cfg: stubdom_flavor = \"\" is unknown: use \"linux\", \"micro\" or \"rump\""},
        {GUEST "stubdom_flavor = [\"linux\"]\n",
         "g.cfg: stubdom_flavor is a list but must be a single value"},
        {"name = \"g\"\nstubdom_flavor = \"linux\"\n",
         "g.cfg: stubdom_flavor needs an HVM guest: type = \"hvm\" is missing"},
        {GUEST "type = \"pvh\"\n", "g.cfg: stubdom_flavor needs an HVM guest, but type = \"pvh\""},
        {"name = \"g\"\nbuilder = \"generic\"\nstubdom_flavor = \"linux\"\n",
         "g.cfg: stubdom_flavor needs an HVM guest, but builder = \"generic\""},
        {"type = \"hvm\"\nstubdom_flavor = \"linux\"\n", "g.cfg: the guest has no name"},
        {GUEST "name = \"g-dm\"\n",
         "g.cfg: name = \"g-dm\": what ends in \"-dm\" is the toolstack's to name"},
        {GUEST "name = \"g--incoming\"\n",
         "g.cfg: name = \"g--incoming\": what ends in \"--incoming\" is the toolstack's to name"},
        {GUEST "name = \"g-dm2\"\n", ""},
        {GUEST "name = \"a/b\"\n", "g.cfg: name = \"a/b\": libxl names log files by it: no slash"},
        {GUEST "name = \"" NAME_220 "\"\n", ""},
        {GUEST "name = \"" NAME_220 "n\"\n",
         "g.cfg: name: 221 octets, and libxl names log files by it: at most 220"},
        /* Outputs that dom0's daemon would refuse. */
        {GUEST "serial = \"vc\"\n", "g.cfg: serial = \"vc\": there is no virtual console in dom0; use pty"},
        {GUEST "serial = [ \"pty\", \"mon:stdio\" ]\n",
         "g.cfg: serial = \"mon:stdio\": there is no monitor in dom0"},
        {GUEST "serial = \"unix:/s,server\"\n",
         "g.cfg: serial = \"unix:/s,server\": a server must not wait for its client; add ,nowait"},
        {GUEST "serial = \"pipe:/x\"\n", "g.cfg: serial = \"pipe:/x\": pipe: is not served; use unix:"},
        {GUEST "serial = \"what\"\n", "g.cfg: serial = \"what\": not a kind of output that is known"},
        {GUEST "serial = [ \"pty\", \"pty\", \"pty\", \"pty\", \"pty\" ]\n",
         "g.cfg: serial: 5 ports, and a guest has 4"},
        {GUEST "serial = [ \"pty\", \"none\", \"file:/tmp/a, \\\"b\\\"\", \"tcp::1,server,nowait\" ]\n", ""},
        {GUEST "serial = [ ]\n", ""}, {GUEST "serial = \"/dev/null\"\n", ""}, {GUEST "serial = \"\"\n", ""},
        {GUEST "serial = \"file:/nosuch/x\"\n", ""},
        {GUEST "device_model_args_pv = [ \"-xen-domid\", \"5\" ]\n",
         "g.cfg: device_model_args_pv = \"-xen-domid\": dom0's daemon would get them, which is no QEMU"},
        {GUEST "device_model_args_pv = \"-S\"\n",
         "g.cfg: device_model_args_pv = \"-S\": dom0's daemon would get them, which is no QEMU"},
        {GUEST "stubdom_memory = \"abc\"\n", "g.cfg: stubdom_memory = \"abc\" is not a number"},
        {GUEST "stubdom_memory = \"\"\n", "g.cfg: stubdom_memory = \"\" is not a number"},
        {GUEST "stubdom_memory = \"32M\"\n", "g.cfg: stubdom_memory = \"32M\" is not a number"},
        {GUEST "stubdom_memory = \"99999999999999999999\"\n",
         "g.cfg: stubdom_memory = \"99999999999999999999\" is not a number"},
        {GUEST "stubdom_memory = [ 32 ]\n",
         "g.cfg: stubdom_memory is a list but must be a single value"},
        {GUEST "stubdom_memory = \"-1\"\n", "g.cfg: stubdom_memory = -1 must be from 1 to 4096"},
        {GUEST "stubdom_memory = 4097\n", "g.cfg: stubdom_memory = 4097 must be from 1 to 4096"},
        {GUEST "stubdom_memory = 32\nvideoram = 33\n",
         "g.cfg: stubdom_memory = 32 is too small: libxl gives the stub domain the 33 MiB of the "
         "guest's video memory already"},
        {GUEST "stubdom_firewall = 2\n", "g.cfg: stubdom_firewall = 2 must be from 0 to 1"},
        {GUEST "stubdom_image = \"huge\"\n",
         "g.cfg: stubdom_image = \"huge\" is unknown: use \"release\" or \"debug\""},
        {GUEST "vif = [ \"bridge=xenbr0\", \"model=e1000, model=ne2k_pci\" ]\n",
         "g.cfg: vif 1: model=ne2k_pci: QEMU in the stub domain has e1000, rtl8139 and virtio-net"},
        {GUEST "vif = [ \"model=e1000, ip=192.168.1\" ]\n",
         "g.cfg: vif 0: ip=192.168.1: the firewall takes up to 16 IPv4 and IPv6 addresses, separated by "
         "blanks (stubdom_firewall = 0 turns it off)"},
        {GUEST "vif = [ \"ip=192.168.1\" ]\nstubdom_firewall = 0\n", ""},
        {GUEST "vif = [ \"type=vif, model=ne2k_pci, ip=10.0.0.1\" ]\n", ""},
        /* A vif for the guest's own driver only has the firewall, too. An empty ip= does not mean "any address". */
        {GUEST "vif = [ \"type=vif, ip=nonsense\" ]\n",
         "g.cfg: vif 0: ip=nonsense: the firewall takes up to 16 IPv4 and IPv6 addresses, separated by "
         "blanks (stubdom_firewall = 0 turns it off)"},
        {GUEST "vif = [ \"mac=00:16:3e:00:00:01, ip= \" ]\n",
         "g.cfg: vif 0: ip= : the firewall takes up to 16 IPv4 and IPv6 addresses, separated by "
         "blanks (stubdom_firewall = 0 turns it off)"},
        {GUEST "vif = [ \"ip=,bridge=xenbr0\" ]\n",
         "g.cfg: vif 0: ip=: the firewall takes up to 16 IPv4 and IPv6 addresses, separated by "
         "blanks (stubdom_firewall = 0 turns it off)"},
        {GUEST "vif = [ \"model=virtio-net, ip=10.0.0.1 fd00::/64\", \"\" ]\n", ""},
        /* xl would warn, and go on with another MAC, or with both NICs. */
        {GUEST "vif = [ \"mac=00:16:3e:zz:00:01\" ]\n", "g.cfg: vif 0: mac=00:16:3e:zz:00:01: not a MAC address"},
        {GUEST "vif = [ \"\", \"mac=00:16:3e:11:22:333\" ]\n",
         "g.cfg: vif 1: mac=00:16:3e:11:22:333: not a MAC address"},
        {GUEST "vif = [ \"mac=00:16:3e:11:22\" ]\n", "g.cfg: vif 0: mac=00:16:3e:11:22: not a MAC address"},
        {GUEST "vif = [ \"mac=00:16:3e:11:22:33:44\" ]\n",
         "g.cfg: vif 0: mac=00:16:3e:11:22:33:44: not a MAC address"},
        {GUEST "vif = [ \"mac=\" ]\n", "g.cfg: vif 0: mac=: not a MAC address"},
        {GUEST "vif = [ \"mac=0:16:3E:1:2:3\", \"mac=00-16-3e-aa-bb-cc\" ]\n", ""},
        {GUEST "vif = [ \"mac=00:16:3e:00:00:01 , bridge=xenbr0\", \"mac= 00:16:3e:00:00:02\" ]\n", ""},
        {GUEST "vif = [ \"mac=00:16:3e:00:00:01 x\" ]\n", "g.cfg: vif 0: mac=00:16:3e:00:00:01 x: not a MAC address"},
        {GUEST "vif = [ \"vifname=twelve-octet\" ]\n",
         "g.cfg: vif 0: vifname=twelve-octet: at most 11 octets, since libxl adds \"-emu\" to it, and no slash"},
        {GUEST "vif = [ \"vifname=a/b\" ]\n", "g.cfg: vif 0: vifname=a/b: at most 11 octets, since libxl "
         "adds \"-emu\" to it, and no slash"},
        {GUEST "vif = [ \"vifname=elevenoctet\" ]\n", ""},
        {GUEST "vif = [ \"type=netfront\" ]\n", "g.cfg: vif 0: type=netfront: there are ioemu and vif"},
        {GUEST "usbdev = [ \"hostbus=1,hostaddr=2\" ]\n",
         "g.cfg: usbdev: a USB device of dom0's, which QEMU in a stub domain cannot reach"},
        {GUEST "usbctrl = [ \"type=devicemodel\" ]\nusbdev = [ \"hostbus=1,hostaddr=2\" ]\n",
         "g.cfg: usbdev: a USB device of dom0's, which QEMU in a stub domain cannot reach"},
        {GUEST "usbctrl = [ \"type=pv,version=2\" ]\nusbdev = [ \"hostbus=1,hostaddr=2\" ]\n", ""},
        {GUEST "usbctrl = [ \"version=2\" ]\nusbdev = [ ]\n", ""},
        {GUEST "device_model_override = \"/bin/qemu\"\n",
         "g.cfg: device_model_override = \"/bin/qemu\" contradicts stubdom_flavor, which sets it to "
         "\"/dm\": remove one of them"},
        {GUEST "device_model_stubdomain_override = 0\n",
         "g.cfg: device_model_stubdomain_override = \"0\" contradicts stubdom_flavor, which sets it to "
         "\"1\": remove one of them"},
        {GUEST_32 "stubdomain_memory = 100\n",
         "g.cfg: stubdomain_memory = \"100\" contradicts stubdom_flavor, which sets it to \"24\": "
         "remove one of them (stubdom_memory sets the size)"},
        {GUEST "stubdomain_kernel = [ ]\n",
         "g.cfg: stubdomain_kernel is a list but must be a single value"},
        /* does not parse: libxlutil's line once, with file and line */
        {"name = \"g\"\nmemory = = 3\nfoo = (\n",
         "g.cfg:2: config parsing error near `=': syntax error, unexpected '=', expecting STRING or "
         "NUMBER or '['"},
        {"name = \"g\"\nstubdom_flavor = linux\n",
         "g.cfg:2: config parsing error near `linux': syntax error, unexpected IDENT, expecting STRING "
         "or NUMBER or '['"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings settings;

        assert_string_equal(work_out(cases[i].text, &settings), cases[i].fault);
        settings_dispose(&settings);
    }
}

/* Without stubdom_flavor the guest is left alone, unless it has other keys of ours: these show that it was meant. */
static void test_no_flavour(void **state)
{
    static const struct { const char *text, *fault; } rows[] = {
        {"foo = 1\nname = \"stubdom_x = 1\"", ""},
        {"", ""},
        {"type = \"hvm\"\nstubdom_flavor = \"none\"\nstubdom_memory = 64", ""},
        {"stubdom_memory = [1]", "stubdom_memory without stubdom_flavor"},
        {"stubdom_memory = 64", "stubdom_memory without stubdom_flavor"},
        {"stubdom_image = \"debug\"", "stubdom_image without stubdom_flavor"},
        {"stubdom_firewall = 1", "stubdom_firewall without stubdom_flavor"},
        {"stubdom_cmdline = \"\"", "stubdom_cmdline without stubdom_flavor"},
        {"name = \"g\"\n \tstubdom_flaver = \"linux\"", "there is no key stubdom_flaver"},
        {"stubdom_flavors=1", "there is no key stubdom_flavors"},
        {"stubdom_flavor = \"linux\"\nstubdom_flavour = \"micro\"", "but stubdom_flavour"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config config;
        struct fault fault = {0};
        int rc = config_init_text(&config, "g.cfg", rows[i].text, strlen(rows[i].text), NULL, &fault);

        assert_null(config.flavour && !rc ? &config : NULL);
        if ((rc != 0) != (rows[i].fault[0] != '\0') || !strstr(fault.text, rows[i].fault))
            fail_msg("row %zu: %s", i, fault.text);
        config_dispose(&config);
    }
}

/* stubdom_flavour is the same key. */
static void test_flavour(void **state)
{
    static const char text[] = "name = \"g\"\ntype = \"hvm\"\nstubdom_flavour = \"micro\"\n";
    struct config config;
    struct fault fault;

    (void)state;
    assert_int_equal(config_init_text(&config, "g.cfg", text, strlen(text), NULL, &fault), 0);
    assert_string_equal(config.flavour->name, "micro");
    config_dispose(&config);
}

static void put_host(const char *text)
{
    FILE *f = fopen("/tmp/test-xl-config.conf", "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* xl-stubdom.conf's settings, for guests that say nothing, and for guests that say no. */
static void test_host(void **state)
{
    static const struct { const char *host, *text, *flavour, *fault; } rows[] = {
        {"", "type = \"hvm\"", "", ""},
        {"default_flavour = \"micro\"", "type = \"hvm\"", "micro", ""},
        {"default_flavour = \"micro\"", "builder = \"hvm\"", "micro", ""},
        {"default_flavour = \"micro\"", "type = \"hvm\"\nstubdom_memory = 40", "micro", ""},
        {"default_flavour = \"micro\"", "type = \"hvm\"\nstubdom_flavor = \"linux\"", "linux", ""},
        {"default_flavour = \"micro\"", "type = \"hvm\"\nstubdom_flavor = \"none\"", "", ""},
        {"default_flavour = \"micro\"\nrequire = 1", "type = \"pvh\"", "", ""},
        {"default_flavour = \"micro\"\nrequire = 1", "type = \"hvm\"", "micro", ""},
        {"default_flavour = \"micro\"\nrequire = 1", "type = \"hvm\"\nstubdom_flavor = \"none\"", "",
         "requires a stub domain"},
        {"require = 1", "type = \"hvm\"", "", "requires a stub domain"},
        {"require = 1", "builder = \"hvm\"", "", "requires a stub domain"},
        {"require = 1", "type = \"pv\"", "", ""},
        {"require = 1", "type = \"hvm\"\nstubdom_flavor = \"linux\"", "linux", ""},
        /* the pasted output of --print-config */
        {"require = 1", "type = \"hvm\"\ndevice_model_stubdomain_override = 1", "", ""},
        {"require = 0", "type = \"hvm\"", "", ""},
        /* a file that cannot be understood might have require = 1 */
        {"require = \"yes\"", "type = \"hvm\"", "", "require is not 0 or 1"},
        {"require = 2", "type = \"hvm\"", "", "require is not 0 or 1"},
        {"default_flavour = \"none\"", "type = \"hvm\"", "", "default_flavour is not"},
        {"default_flavor = \"micro\"", "type = \"hvm\"", "micro", ""},
        {"requires = 1\nrequire = 0", "type = \"hvm\"", "", "there is no key requires"},
        {"default_flavour = ", "type = \"hvm\"", "", "does not parse"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config config = {0};
        struct host_config wanted;
        struct fault fault = {0};
        char text[200];
        int rc;

        put_host(rows[i].host);
        snprintf(text, sizeof(text), "name = \"g\"\n%s\n", rows[i].text);
        rc = host_config_read(&wanted, "/tmp/test-xl-config.conf", &fault);
        if (!rc)
            rc = config_init_text(&config, "g.cfg", text, strlen(text), &wanted, &fault);
        if ((rc != 0) != (rows[i].fault[0] != '\0') || !strstr(fault.text, rows[i].fault) ||
            (!rc && strcmp(config.flavour ? config.flavour->name : "", rows[i].flavour)))
            fail_msg("row %zu: %s %s", i, fault.text, config.flavour ? config.flavour->name : "");
        config_dispose(&config);
    }
    unlink("/tmp/test-xl-config.conf");
    assert_int_equal(host_config_read(&(struct host_config){0}, "/tmp/test-xl-config.conf", &(struct fault){0}), 0);
}

/* Every row of the table, from the config to the settings. */
static void test_every_flavour(void **state)
{
    (void)state;
    for (size_t i = 0; i < flavour_count; i++) {
        const struct flavour *flavour = &flavours[i];
        struct settings settings;
        char text[256], expected[256];

        assert_ptr_equal(flavour_find(flavour->name), flavour);
        assert_true(!flavour->debug_ramdisk == !!flavour->no_debug && !flavour->pci_kernel == !!flavour->no_pci);
        snprintf(text, sizeof(text), GUEST "vnc = 0\nvga = \"none\"\nstubdom_flavor = \"%s\"\n",
                 flavour->name);
        assert_string_equal(work_out(text, &settings), "");
        assert_int_equal(settings.count, KEY_COUNT + 2); /* and the vCPU, the keyboard */
        snprintf(expected, sizeof(expected), "stubdomain_kernel=\"/fw/%s\"", flavour->kernel);
        assert_string_equal(settings.line[KEY_KERNEL], expected);
        assert_ptr_equal(flavour_of_kernel(settings.kernel), flavour);
        snprintf(expected, sizeof(expected), "stubdomain_ramdisk=\"/fw/%s\"", flavour->ramdisk);
        assert_string_equal(settings.line[KEY_RAMDISK], expected);
        snprintf(expected, sizeof(expected), "stubdomain_cmdline=\"%s\"", flavour->arguments);
        assert_string_equal(settings.line[KEY_CMDLINE], expected);
        snprintf(expected, sizeof(expected), "stubdomain_memory=%ld", flavour->memory.without_vnc);
        assert_string_equal(settings.line[KEY_MEMORY], expected);
        settings_dispose(&settings);

        strcat(text, "stubdom_image = \"debug\"\n");
        snprintf(expected, sizeof(expected), "g.cfg: stubdom_image = \"debug\": stubdom_flavor = \"%s\" "
                 "has no such image: %s", flavour->name, flavour->no_debug);
        assert_string_equal(work_out(text, &settings), flavour->debug_ramdisk ? "" : expected);
        settings_dispose(&settings);
    }
    assert_null(flavour_of_kernel("/boot/vmlinuz"));
    assert_null(flavour_of_kernel("/qemu-stubdom-micro-kernel/"));
}

/* The linux flavour's kernel arguments are not given to micro. */
static void test_micro_arguments(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "stubdomain_cmdline=\"\""},
        {"stubdom_firewall = 0", "stubdomain_cmdline=\"stubdom.firewall=0\""},
        {"stubdom_cmdline = \"stubdom.debug\"", "stubdomain_cmdline=\"stubdom.debug\""},
        {"stubdom_firewall = 0\nstubdom_cmdline = \"stubdom.debug\"",
         "stubdomain_cmdline=\"stubdom.firewall=0 stubdom.debug\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings settings;
        char text[256];

        snprintf(text, sizeof(text), GUEST "stubdom_flavor = \"micro\"\n%s\n", cases[i].text);
        assert_string_equal(work_out(text, &settings), "");
        assert_string_equal(settings.line[KEY_CMDLINE], cases[i].expected);
        settings_dispose(&settings);
    }
}

static void test_file_and_inline(void **state)
{
    char path[] = "/tmp/test-xl-config-XXXXXX";
    struct config config;
    struct fault fault;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, GUEST "memory = 3", strlen(GUEST) + 10), strlen(GUEST) + 10);

    /* the file needs no newline at its end; inline settings win */
    assert_int_equal(config_init(&config, path, "stubdom_memory=64\nname=\"h\"\n", &fault), 0);
    assert_int_equal(config.memory, 64);
    assert_string_equal(config.name, "h");
    config_dispose(&config);

    assert_int_equal(config_init(&config, "/dev/null", GUEST, &fault), 0);
    assert_string_equal(config.flavour->name, "linux");
    config_dispose(&config);

    assert_int_equal(ftruncate(fd, CONFIG_SIZE_MAX + 1), 0);
    assert_true(config_init(&config, path, NULL, &fault) < 0);
    assert_non_null(strstr(fault.text, "too long"));
    config_dispose(&config);
    close(fd);
    unlink(path);

    assert_int_equal(config_init(&config, path, NULL, &fault), -ENOENT);
    assert_non_null(strstr(fault.text, "No such file"));
    config_dispose(&config);
    assert_int_equal(config_init(&config, "/dev/zero", NULL, &fault), -EINVAL);
    config_dispose(&config);
    assert_int_equal(config_init(&config, "/tmp", NULL, &fault), -EINVAL);
    config_dispose(&config);
}

/* Files that QEMU reads make the default memory larger. */
static void test_boot_files(void **state)
{
    struct settings settings;

    (void)state;
    files = 44;
    assert_string_equal(work_out(GUEST "vnc = 0\n", &settings), "");
    assert_string_equal(settings.line[KEY_MEMORY], "stubdomain_memory=68");
    settings_dispose(&settings);
    files = 0;
}

/* A config with so many NICs and disks, and more lines. */
static const char *many(int nics, int disks, const char *more)
{
    static char text[4096];
    size_t n = sprintf(text, "%svif = [ ", GUEST "vnc = 0\nvga = \"none\"\n");

    for (int i = 0; i < nics; i++)
        n += sprintf(text + n, "'bridge=b', ");
    n += sprintf(text + n, "]\ndisk = [ ");
    for (int i = 0; i < disks; i++)
        n += sprintf(text + n, "'/x,raw,xvd%c,rw', ", 'a' + i);
    sprintf(text + n, "]\n%s\n", more); /* the last of a kind counts */
    return text;
}

/* Many NICs and disks make the default memory larger. */
static void test_many_devices(void **state)
{
    const struct flavour *linux_flavour = flavour_find("linux");
    long nic = linux_flavour->memory.nic_kib, disk = linux_flavour->memory.disk_kib;
    int nics = linux_flavour->memory.nics, disks = linux_flavour->memory.disks;
    long most = (14 * nic + 22 * disk + 1023) / 1024;
    struct settings settings;
    char expected[128];

    (void)state;
    assert_true(nic > 0 && disk > 0);
    assert_string_equal(work_out(many(nics, disks, ""), &settings), "");
    assert_string_equal(settings.line[KEY_MEMORY], "stubdomain_memory=32");
    settings_dispose(&settings);
    assert_string_equal(work_out(many(nics + 14, disks + 22, ""), &settings), "");
    snprintf(expected, sizeof(expected), "stubdomain_memory=%ld", 32 + most);
    assert_string_equal(settings.line[KEY_MEMORY], expected);
    settings_dispose(&settings);
    assert_string_equal(work_out(GUEST "vcpus = 64\nvnc = 0", &settings), "");
    assert_string_equal(settings.line[KEY_MEMORY], "stubdomain_memory=24");
    settings_dispose(&settings);
    assert_string_equal(work_out(GUEST "vcpus = 128\nvnc = 0", &settings), "");
    assert_string_equal(settings.line[KEY_MEMORY], "stubdomain_memory=40");
    settings_dispose(&settings);
    assert_string_equal(work_out(many(nics + 1, 0, ""), &settings), "");
    snprintf(expected, sizeof(expected), "stubdomain_memory=%ld", 32 + (nic + 1023) / 1024);
    assert_string_equal(settings.line[KEY_MEMORY], expected);
    settings_dispose(&settings);
}

/*
 * A given size must be enough for QEMU and for what this guest needs besides, so that no stub domain is out of memory
 * at once.
 */
static void test_least_memory(void **state)
{
    static const struct {
        const char *flavour, *more;
        int nics, disks;
        long files, least;
        const char *needs;
    } rows[] = {
        {"linux", "", 1, 1, 0, 22, "QEMU takes 22"},
        {"micro", "", 1, 1, 0, 16, "QEMU takes 16"},
        {"linux", "stubdom_image = 'debug'", 1, 1, 0, 48, "QEMU takes 48"},
        {"rump", "", 1, 1, 0, 24, "QEMU takes 24"},
        {"linux", "", 0, 0, 0, 22, "QEMU takes 22"},
        {"linux", "", 2, 4, 0, 22 + 3, "QEMU takes 22, the guest's NICs, disks and vCPUs 3 more"},
        {"linux", "", 16, 26, 0, 22 + 32, "QEMU takes 22, the guest's NICs, disks and vCPUs 32 more"},
        {"linux", "vcpus = 32", 1, 1, 0, 22, "QEMU takes 22"},
        {"linux", "vcpus = 2\nmaxvcpus = 128", 1, 1, 0, 22 + 24,
         "QEMU takes 22, the guest's NICs, disks and vCPUs 24 more"},
        {"rump", "", 2, 1, 0, 24 + 2, "QEMU takes 24, the guest's NICs, disks and vCPUs 2 more"},
        {"linux", "pci = [ ]", 1, 1, 0, 22 + 4, "QEMU takes 22, PCI devices 4 more"},
        {"micro", "", 1, 1, 44, 16 + 44, "QEMU takes 16, kernel and ramdisk while it starts 44 more"},
        {"linux", "pci = [ ]", 2, 1, 44, 22 + 4 + 2 + 44,
         "QEMU takes 22, the guest's NICs, disks and vCPUs 2 more, PCI devices 4 more, kernel and ramdisk while it "
         "starts 44 more"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct settings settings;
        char more[128], expected[512];

        files = rows[i].files;
        for (long given = rows[i].least - 1; given <= rows[i].least; given++) {
            snprintf(more, sizeof(more), "stubdom_flavor = \"%s\"\nstubdom_memory = %ld\n%s", rows[i].flavour,
                     given, rows[i].more);
            snprintf(expected, sizeof(expected), "g.cfg: stubdom_memory = %ld is too small: stubdom_flavor = \"%s\" "
                     "needs %ld MiB (%s)", given, rows[i].flavour, rows[i].least, rows[i].needs);
            assert_string_equal(work_out(many(rows[i].nics, rows[i].disks, more), &settings),
                                given < rows[i].least ? expected : "");
            settings_dispose(&settings);
        }
    }
    files = 0;
}

/* Firmware that libxl loads into a new guest must exist. A restored guest has it already. */
static void test_firmware(void **state)
{
    static const struct { const char *line, *fault; } cases[] = {
        {"firmware_override = '/proc/self/exe'", ""},
        {"firmware_override = 'run'", "firmware_override = \"run\": tests/unit/run: no ELF program, as hvmloader is"},
        {"firmware_override = '/proc/version'", "firmware_override = \"/proc/version\": it is empty"},
        {"firmware_override = 'none'", "firmware_override = \"none\": tests/unit/none: No such file or directory"},
        {"firmware_override = '/none'", "firmware_override = \"/none\": No such file or directory"},
        {"bios_path_override = '/etc/passwd'", ""}, {"bios_path_override = 'tests/unit/run'", ""},
        {"bios_path_override = 'run'", "bios_path_override = \"run\": No such file or directory"},
        {"acpi_firmware = '/etc/passwd'", ""}, {"acpi_firmware = '/proc/self/exe'", ""},
        {"acpi_firmware = '/none'", "acpi_firmware = \"/none\": No such file or directory"},
        {"acpi_firmware = ''", "acpi_firmware = \"\": No such file or directory"},
        {"acpi_firmware = '/usr'", "acpi_firmware = \"/usr\": not a plain file"},
        {"acpi_firmware = '/proc/version'", "acpi_firmware = \"/proc/version\": it is empty"},
        {"smbios_firmware = '/etc/passwd'", ""}, {"smbios_firmware = [ '/none' ]", ""},
        {"smbios_firmware = '/etc/passwd/x'", "smbios_firmware = \"/etc/passwd/x\": Not a directory"},
        {"bios = 'ovmf'", ""},
        /* A kind of firmware, as xl reads it, or another hvmloader. */
        {"firmware = 'uefi'", ""}, {"firmware = 'ue'", ""}, {"firmware = 'bios'", ""}, {"firmware = 'SeaBIOS'", ""},
        {"firmware = '/proc/self/exe'", ""}, {"firmware = '" PACKED "'", ""},
        {"firmware = '/none'", "firmware = \"/none\": No such file or directory"},
        {"firmware = '/etc/passwd'", "firmware = \"/etc/passwd\": no ELF program, as hvmloader is"},
        {"firmware = 'none'", "firmware = \"none\": tests/unit/none: No such file or directory"},
    };
    struct host_config with = {.here = true, .firmware = "tests/unit"};
    struct settings settings;
    FILE *packed = fopen(PACKED, "w");

    (void)state;
    assert_true(fputs("\x1f\x8b\x08x", packed) >= 0);
    assert_int_equal(fclose(packed), 0);
    host = &with;
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512], expected[512] = "";

        with.afresh = i % 2;
        snprintf(text, sizeof(text), GUEST "%s\n", cases[i / 2].line);
        if (with.afresh && *cases[i / 2].fault)
            snprintf(expected, sizeof(expected), "g.cfg: %s", cases[i / 2].fault);
        assert_string_equal(work_out(text, &settings), expected);
        settings_dispose(&settings);
    }
    host = NULL;
    unlink(PACKED);
}

/* Sizes that do not fit together, for libxl or for QEMU, and where VNC cannot be. */
static void test_new_guest(void **state)
{
    static const struct { const char *lines, *why; } cases[] = {
        {"memory = 64\nmaxmem = 64", NULL}, {"maxmem = 64", NULL}, {"memory = 64\nmaxmem = 65", NULL},
        {"memory = 64\nmaxmem = 63", NULL},
        {"memory = 10", NULL}, {"memory = 18\nstdvga = 1", NULL}, {"memory = 2\nvga = 'none'", NULL},
        {"memory = 9", "9 MiB of memory are too few: 8 of them are video memory, and the firmware takes 2"},
        {"maxmem = 9", "9 MiB of memory are too few: 8 of them are video memory, and the firmware takes 2"},
        {"memory = 64\nmaxmem = 9",
         "9 MiB of memory are too few: 8 of them are video memory, and the firmware takes 2"},
        {"memory = 17\nvga = 'stdvga'",
         "17 MiB of memory are too few: 16 of them are video memory, and the firmware takes 2"},
        {"memory = 64\nstdvga = 1\nvideoram = 64",
         "64 MiB of memory are too few: 64 of them are video memory, and the firmware takes 2"},
        {"stdvga = 1\nvideoram = 64\nvnuma = [ [ 'pnode=0', 'size=128', 'vcpus=0', 'vdistances=10' ] ]", NULL},
        {"max_event_channels = 4", NULL}, {"max_event_channels = 0", NULL},
        {"max_event_channels = '-1'", NULL},
        {"vcpus = 8\nmax_event_channels = 11", NULL},
        {"max_event_channels = 3", "max_event_channels = 3 is too small: with 1 vCPUs Xen and QEMU take 4"},
        {"vcpus = 2\nmaxvcpus = 8\nmax_event_channels = 10",
         "max_event_channels = 10 is too small: with 8 vCPUs Xen and QEMU take 11"},
        {"videoram = 8", NULL}, {"videoram = 16", NULL}, {"vga = 'none'\nvideoram = 3", NULL},
        {"videoram = 9", "videoram = 9: QEMU's cirrus has 8 or 16 MiB"},
        {"vga = 'cirrus'\nvideoram = 32", "videoram = 32: QEMU's cirrus has 8 or 16 MiB"},
        {"stdvga = 1\nvideoram = 512\nmemory = 514", NULL}, {"vga = 'stdvga'\nvideoram = 64\nmemory = 96", NULL},
        {"vga = 'stdvga'\nvideoram = 8", "videoram = 8: QEMU's stdvga has 16, 32, 64, 128, 256 or 512 MiB"},
        {"vga = 'stdvga'\nvideoram = 17", "videoram = 17: QEMU's stdvga has 16, 32, 64, 128, 256 or 512 MiB"},
        {"vga = 'stdvga'\nvideoram = 1000\nmemory = 1100", NULL},
        {"vnclisten = '127.0.0.1:7'", NULL}, {"vnclisten = ''", NULL}, {"vncdisplay = 59635", NULL},
        {"vnc = 0\nvnclisten = '10.99.99.99'", NULL}, {"vnclisten = '127.0.0.1:7'\nvncdisplay = 3", NULL},
        {"vnclisten = '10.99.99.99'",
         "vnc: nobody can listen at 10.99.99.99, ports 5900 to 5999: Cannot assign requested address"},
        {"vncdisplay = 59636", "vnclisten, vncdisplay: -vnc: not ADDRESS:DISPLAY: '127.0.0.1:59636,to=99'"},
        {"vnclisten = '[::1]'\nvncunused = 0", "vnclisten, vncdisplay: -vnc: not ADDRESS:DISPLAY: '[::1]'"},
        {"vncdisplay = " BUSY "\nvncunused = 0",
         "vnc: nobody can listen at 127.0.0.1, ports 10207 to 10207: Address already in use"},
        {"vncdisplay = " BUSY, NULL},
    };
    struct sockaddr_in busy = {.sin_family = AF_INET, .sin_port = htons(BUSY_PORT),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct host_config with = {.here = true, .firmware = "/"};
    struct settings settings;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&busy, sizeof(busy)), 0);
    assert_int_equal(listen(listener, 1), 0);
    host = &with;
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        const char *why = cases[i / 2].why;
        char text[512], expected[512] = "";

        with.afresh = i % 2;
        snprintf(text, sizeof(text), GUEST "%s\n", cases[i / 2].lines);
        if (with.afresh && why)
            snprintf(expected, sizeof(expected), "g.cfg: %s", why);
        assert_string_equal(work_out(text, &settings), expected);
        settings_dispose(&settings);
    }
    host = NULL;
    close(listener);
}

/* A guest with channels that is restored, or goes elsewhere, is as it was. */
static void test_channel_of_xl(void **state)
{
    struct settings settings;

    (void)state;
    for (int xen = 17; xen <= 18; xen++) {
        for (int afresh = 0; afresh < 2; afresh++) {
            struct host_config with = {.here = true, .afresh = afresh, .firmware = "/", .xen_minor = xen};

            host = &with;
            assert_string_equal(work_out(GUEST "channel = [ 'connection=pty,name=a' ]\n", &settings),
                                xen == 17 && afresh ? "g.cfg: channel: xl of Xen 4.17 loses the first one, 4.18.5's "
                                                      "does not: remove it" : "");
            settings_dispose(&settings);
            assert_string_equal(work_out(GUEST "channel = []\n", &settings), "");
            settings_dispose(&settings);
        }
    }
    host = NULL;
}

/* What libxl refuses when QEMU runs already, or waits for in vain. */
static void test_usb_controllers(void **state)
{
    static const struct { const char *entry, *why; } cases[] = {
        {"", NULL}, {"type=auto", NULL}, {"version=1", NULL}, {"version=1,ports=2", NULL},
        {"type=devicemodel, version=2,ports=6", NULL}, {"version=3,ports=15", NULL}, {"version=3", NULL},
        {"ports=4", "version=2 has 6 ports"}, {"version=1,ports=6", "version=1 has 2 ports"},
        {"version=3,ports=16", "version=3 has up to 15 ports"}, {"version=4", "USB is version 1, 2 or 3"},
        {"type=devicemodel,version=-1", "USB is version 1, 2 or 3"},
        {"type=pv", NULL}, {"type=pv,version=1,ports=31", NULL}, {"type=pv,version=3", "type=pv is version 1 or 2"},
        {"type=pv,ports=32", "type=pv has up to 31 ports"}, {"type=pv,ports=-1", "type=pv has up to 31 ports"},
        {"type=pv,  version=3", "type=pv is version 1 or 2"},
        {"type=qusb", "type=qusb: its backend is a QEMU in dom0, and a guest with a stub domain has none"},
        /* xl says so. */
        {"type=x,version=9", NULL}, {"version=9,x=y", NULL},
    };
    struct host_config with = {.here = true, .firmware = "/"};
    struct settings settings;

    (void)state;
    assert_int_equal(close(open(USBBACK, O_WRONLY | O_CREAT, 0600)), 0);
    host = &with;
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        const char *why = cases[i / 2].why;
        char text[512], expected[512] = "";

        with.afresh = i % 2;
        snprintf(text, sizeof(text), GUEST "usbctrl = [ '%s' ]\n", cases[i / 2].entry);
        if (with.afresh && why)
            snprintf(expected, sizeof(expected), "g.cfg: usbctrl = \"%s\": %s", cases[i / 2].entry, why);
        assert_string_equal(work_out(text, &settings), expected);
        settings_dispose(&settings);
    }
    assert_int_equal(unlink(USBBACK), 0);
    assert_string_equal(work_out(GUEST "usbctrl = [ 'type=pv' ]\n", &settings),
                        "g.cfg: usbctrl = \"type=pv\": type=pv: its driver in dom0, usbback, is not loaded");
    settings_dispose(&settings);
    host = NULL;
}

/*
 * Serial ports' files of dom0 must exist for a guest that is made here; for one that is made elsewhere they are not
 * checked.
 */
static void test_serials_of_dom0(void **state)
{
    static const struct { const char *value, *fault; } cases[] = {
        {"/dev/ttyNONE", "No such file or directory"}, {"file:/nosuch/x", "No such file or directory"},
        {"file:/etc/passwd/x", "Not a directory"}, {"file:/x", ""}, {"file:x", ""},
        {"/dev/tty", ""}, {"unix:/nosuch/x", ""},
    };
    struct host_config with = {.here = true};
    struct settings settings;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512], expected[512] = "";

        snprintf(text, sizeof(text), GUEST "serial = [ '%s' ]\n", cases[i].value);
        if (*cases[i].fault)
            snprintf(expected, sizeof(expected), "g.cfg: serial = \"%s\": %s", cases[i].value, cases[i].fault);
        host = &with;
        assert_string_equal(work_out(text, &settings), expected);
        settings_dispose(&settings);
        host = NULL;
        assert_string_equal(work_out(text, &settings), "");
        settings_dispose(&settings);
    }
}

static bool lacks_domain(const char *name)
{
    return strcmp(name, "net") != 0;
}

/* What dom0 lacks is reported before the hotplug script finds out, when the guest is half made. */
static void test_nics_of_dom0(void **state)
{
    static const char *const folders[] = {"/tests", "/eth7", "/eth7/bridge", "/eth8"};
    static const struct {
        const char *standard;
        bool elsewhere;
        const char *vif, *fault;
    } cases[] = {
        {NULL, false, "bridge=tests", ""}, {NULL, false, "", ""}, {NULL, false, "script=run", ""},
        {NULL, false, "bridge=xenbr9", "g.cfg: vif 0: bridge=xenbr9: dom0 has no interface of this name"},
        {NULL, false, "bridge=../../tmp", "g.cfg: vif 0: bridge=../../tmp: dom0 has no interface of this name"},
        {"vif-bridge", false, "bridge=b", "g.cfg: vif 0: bridge=b: dom0 has no interface of this name"},
        {NULL, false, "script=vif-bridge,bridge=b", "g.cfg: vif 0: bridge=b: dom0 has no interface of this name"},
        /* What bridge= means to another script is not checked. */
        {"run", false, "bridge=b", ""}, {NULL, false, "script=run,bridge=b.5", ""},
        {NULL, false, "script=/bin/true,bridge=b", ""},
        {NULL, false, "script=/usr", "g.cfg: vif 0: script=/usr: not a plain file"},
        {NULL, false, "script=nosuch", "g.cfg: vif 0: script=nosuch: tests/unit/nosuch: No such file or directory"},
        {NULL, false, "script=/bin/nosuch", "g.cfg: vif 0: script=/bin/nosuch: No such file or directory"},
        {NULL, false, "script=unit.h", "g.cfg: vif 0: script=unit.h: tests/unit/unit.h: Permission denied"},
        {"nosuch", false, "", "g.cfg: vif 0: script=nosuch: tests/unit/nosuch: No such file or directory"},
        /* Of a driver domain only its name is checked. */
        {NULL, false, "backend=net,bridge=b,script=nosuch", ""}, {NULL, false, "backend=,script=run", ""},
        {NULL, false, "backend=nosuch", "g.cfg: vif 0: backend=nosuch: there is no such domain"},
        {NULL, true, "bridge=b", ""},
        {NULL, true, "backend=0,bridge=b", "g.cfg: vif 0: bridge=b: dom0 has no interface of this name"},
        /* Other names that vif-bridge accepts: an old name of a bridge, and a port of one. */
        {NULL, false, "bridge=xenbr7", ""}, {NULL, false, "bridge=lo", ""},
        {NULL, false, "bridge=xenbr8", "g.cfg: vif 0: bridge=xenbr8: dom0 has no interface of this name"},
    };
    char interfaces[] = "/tmp/xl-interfaces-XXXXXX", folder[64];
    struct host_config with = {.nics = {.helper = "/vif", .interfaces = interfaces, .folder = "tests/unit",
                                        .lacks_domain = lacks_domain}};
    struct settings settings;

    (void)state;
    assert_non_null(mkdtemp(interfaces));
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        snprintf(folder, sizeof(folder), "%s%s", interfaces, folders[i]);
        assert_int_equal(mkdir(folder, 0700), 0);
    }
    host = &with;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];

        with.nics.standard = (char *)cases[i].standard;
        with.nics.elsewhere = cases[i].elsewhere;
        snprintf(text, sizeof(text), GUEST "vif = [ '%s' ]\n", cases[i].vif);
        assert_string_equal(work_out(text, &settings), cases[i].fault);
        settings_dispose(&settings);
    }
    host = NULL;
    for (size_t i = ARRAY_LEN(folders); i-- > 0;) {
        snprintf(folder, sizeof(folder), "%s%s", interfaces, folders[i]);
        assert_int_equal(rmdir(folder), 0);
    }
    assert_int_equal(rmdir(interfaces), 0);
}

/* The config's NICs, and the list that xl gets. */
static void test_nic_scripts(void **state)
{
    static const struct {
        const char *standard;
        bool elsewhere;
        const char *config, *line;
    } cases[] = {
        {NULL, false, "vif = [ 'bridge=br0' ]", "vif=[\"bridge=br0,script=/vif\"]"},
        {NULL, false, "vif = [ '', 'type=vif, mac=00:16:3e:00:00:01' ]",
         "vif=[\",script=/vif\",\"type=vif, mac=00:16:3e:00:00:01,script=/vif\"]"},
        {NULL, false, "vif = [ 'script=vif-route, ip=10.0.0.1' ]",
         "vif=[\"script=vif-route, ip=10.0.0.1,script=/vif,forwarddev=vif-route\"]"},
        /* The last of a kind counts. */
        {"std", false, "vif = [ 'script=/a,script=/b \\\"x' ]",
         "vif=[\"script=/a,script=/b \\\"x,script=/vif,forwarddev=/b \\\"x\"]"},
        {"vif-openvswitch", false, "vif = [ 'bridge=br0' ]",
         "vif=[\"bridge=br0,script=/vif,forwarddev=vif-openvswitch\"]"},
        /* A driver domain's NICs keep their scripts. */
        {NULL, false, "vif = [ 'backend=net', 'backend=,bridge=b' ]",
         "vif=[\"backend=net\",\"backend=,bridge=b,script=/vif\"]"},
        {NULL, true, "vif = [ 'bridge=br0' ]", "vif=[\"bridge=br0\"]"},
        /* These backends are dom0. */
        {NULL, false, "vif = [ 'backend=0', 'backend=Domain-0' ]",
         "vif=[\"backend=0,script=/vif\",\"backend=Domain-0,script=/vif\"]"},
        {NULL, true, "vif = [ 'backend=0' ]", "vif=[\"backend=0,script=/vif\"]"},
        /* Pasted output of --print-config. */
        {NULL, false, "vif = [ 'script=/vif,forwarddev=vif-route' ]",
         "vif=[\"script=/vif,forwarddev=vif-route,script=/vif,forwarddev=vif-route\"]"},
        {"/vif", false, "vif = [ 'script=/vif' ]", "vif=[\"script=/vif,script=/vif\"]"},
        {"/vif", false, "vif = [ 'bridge=b' ]", "vif=[\"bridge=b,script=/vif\"]"},
        {NULL, false, "vif = [ 'script=/vif2' ]", "vif=[\"script=/vif2,script=/vif,forwarddev=/vif2\"]"},
        {NULL, false, "vif = [ ]", NULL},
        {NULL, false, "memory = 64", NULL},
    };
    struct host_config with = {.nics.helper = "/vif"};
    struct settings settings;

    (void)state;
    host = &with;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];

        with.nics.standard = (char *)cases[i].standard;
        with.nics.elsewhere = cases[i].elsewhere;
        snprintf(text, sizeof(text), GUEST "%s\n", cases[i].config);
        assert_string_equal(work_out(text, &settings), "");
        if (cases[i].line)
            assert_string_equal(settings.line[KEY_COUNT + 2], cases[i].line);
        else
            assert_int_equal(settings.count, KEY_COUNT + 2); /* and the vCPU, the keyboard */
        settings_dispose(&settings);
    }
    assert_string_equal(work_out(GUEST "vif = [ 'forwarddev=/bin/sh' ]\n", &settings),
                        "g.cfg: vif: forwarddev= is for COLO, which needs a QEMU in dom0");
    settings_dispose(&settings);
    host = NULL;
}

static void test_room_for_nics(void **state)
{
    static const struct { const char *more; int room; } cases[] = {
        { "", 29 }, { "vga = 'stdvga'", 28 }, { "hdtype = 'ahci'", 28 }, { "usbversion = 3", 28 },
        { "xen_platform_pci = 0", 30 }, { "soundhw = 'hda'", 28 }, { "soundhw = 'sb16'", 29 },
        { "disk = [ '/x,raw,sda,rw' ]", 28 }, { "disk = [ '/x,raw,sda,rw', '/y,raw,sdb,rw' ]", 28 },
        { "pci = [ '0000:00:03.0', '0000:00:04.0' ]", 27 },
        { "vendor_device = 'xenserver'\nvga = 'cirrus'\nusbversion = 2", 26 },
    };
    struct settings settings;
    char expected[192];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(work_out(many(cases[i].room, 1, cases[i].more), &settings), "");
        settings_dispose(&settings);
        snprintf(expected, sizeof(expected), "g.cfg: vif: %d NICs, and QEMU's PCI bus has room for %d: "
                 "those with type=vif, for the guest's Xen drivers alone, are not on it",
                 cases[i].room + 1, cases[i].room);
        assert_string_equal(work_out(many(cases[i].room + 1, 1, cases[i].more), &settings), expected);
        settings_dispose(&settings);
    }
    assert_string_equal(work_out(GUEST "vif = [ 'type=vif', 'type=ioemu' ]\ndisk = [ '/x,raw,sda,rw' ]\n",
                                 &settings), "");
    settings_dispose(&settings);
}

/* libxl gives the stub domain the same limit of grant frames as the guest. */
static void test_grant_frames(void **state)
{
    struct host_config with = {.max_grant_frames = 2};
    struct settings settings;

    (void)state;
    assert_string_equal(work_out(many(0, 0, "max_grant_frames = 4"), &settings), "");
    settings_dispose(&settings);
    assert_string_equal(work_out(many(0, 0, "max_grant_frames = 1"), &settings),
                        "g.cfg: max_grant_frames = 1 is too small: the stub domain gets as many, and needs "
                        "2 for 0 NICs and 0 disks");
    settings_dispose(&settings);
    assert_string_equal(work_out(many(1, 1, "max_grant_frames = 1"), &settings),
                        "g.cfg: max_grant_frames = 1 is too small: the stub domain gets as many, and needs "
                        "3 for 1 NICs and 1 disks");
    settings_dispose(&settings);
    assert_string_equal(work_out(many(16, 26, "max_grant_frames = 18"), &settings),
                        "g.cfg: max_grant_frames = 18 is too small: the stub domain gets as many, and needs "
                        "19 for 16 NICs and 26 disks");
    settings_dispose(&settings);
    assert_string_equal(work_out(many(16, 26, "max_grant_frames = 19"), &settings), "");
    settings_dispose(&settings);
    assert_string_equal(work_out(many(16, 26, "max_grant_frames = '-1'"), &settings), "");
    settings_dispose(&settings);
    /* xl.conf's limit is for a config without one. */
    host = &with;
    assert_string_equal(work_out(many(1, 1, ""), &settings),
                        "g.cfg: max_grant_frames = 2, of xl.conf, is too small: the stub domain gets as many, and "
                        "needs 3 for 1 NICs and 1 disks");
    settings_dispose(&settings);
    assert_string_equal(work_out(many(1, 1, "max_grant_frames = 3"), &settings), "");
    settings_dispose(&settings);
    assert_string_equal(work_out(many(0, 1, ""), &settings), "");
    settings_dispose(&settings);
    host = NULL;
}

static void test_boot_keys(void **state)
{
    static const char text[] = GUEST "kernel = \"/boot/k\"\nramdisk = \"/boot/i\"\n"
                                     "device_model_args = [ \"-a\", \"b\" ]\n"
                                     "device_model_args_hvm = \"not a list\"\n";
    struct config config;
    struct fault fault;

    (void)state;
    assert_int_equal(config_init_text(&config, "g.cfg", text, strlen(text), host, &fault), 0);
    assert_string_equal(config.guest_kernel, "/boot/k");
    assert_string_equal(config.guest_ramdisk, "/boot/i");
    assert_string_equal(config.args[ARGS_ALL][1], "b");
    assert_null(config.args[ARGS_ALL][2]);
    assert_null(config.args[ARGS_HVM]);
    config_dispose(&config);
    assert_int_equal(config_init_text(&config, "g.cfg", GUEST "kernel=\"/usr/lib/hvmloader\"",
                                      strlen(GUEST) + 27, host, &fault), 0);
    assert_null(config.guest_kernel);
    config_dispose(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_settings_survive_the_parser),
        cmocka_unit_test(test_one_vcpu),
        cmocka_unit_test(test_keyboard),
        cmocka_unit_test(test_own_settings_do_not_conflict),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_default_memory),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_flavour),
        cmocka_unit_test(test_flavour),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_every_flavour),
        cmocka_unit_test(test_micro_arguments),
        cmocka_unit_test(test_file_and_inline),
        cmocka_unit_test(test_boot_files),
        cmocka_unit_test(test_boot_keys),
        cmocka_unit_test(test_many_devices),
        cmocka_unit_test(test_least_memory),
        cmocka_unit_test(test_serials_of_dom0),
        cmocka_unit_test(test_firmware),
        cmocka_unit_test(test_new_guest),
        cmocka_unit_test(test_channel_of_xl),
        cmocka_unit_test(test_usb_controllers),
        cmocka_unit_test(test_nics_of_dom0),
        cmocka_unit_test(test_nic_scripts),
        cmocka_unit_test(test_room_for_nics),
        cmocka_unit_test(test_grant_frames),
    };

    return cmocka_run_group_tests_name("xl-config", tests, NULL, NULL);
}
