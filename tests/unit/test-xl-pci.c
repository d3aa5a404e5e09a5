// sources: launcher/xl-stubdom/pci.c launcher/xl-stubdom/pci-host.c launcher/xl-stubdom/physinfo.c
// sources: launcher/xl-stubdom/fault.c
// sources: launcher/xl-stubdom/flavour.c launcher/xl-stubdom/xs-get.c
// cflags: -DPCI_FOLDER="\"/tmp/test-xl-pci\""
// wrap: xc_interface_open xc_interface_close xc_physinfo xc_version xs_open xs_close xs_read xs_directory
// libs: xlutil xenlight xenctrl xenstore
/*
 * pci= of a guest's config: what is accepted, and what is refused before there is a domain.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "pci.h"

#include <sys/stat.h>
#include <xenctrl.h>
#include <xenstore.h>

static struct fault fault;
static struct pci_devices devices;
static bool has_iommu, target; /* domain 7 is 6's stub domain */
static const char *kernel;
static const char *xen_line; /* Xen's command line */
static const char *owner; /* the domain that has 0000:00:10.0, or NULL */

static int read_config(const char *flavour, const char *text)
{
    XLU_Config *xlu = xlu_cfg_init(fopen("/dev/null", "w"), "g.cfg");
    int rc;

    fault.text[0] = '\0';
    assert_int_equal(xlu_cfg_readdata(xlu, text, strlen(text)), 0);
    rc = pci_read(xlu, "g.cfg", flavour_find(flavour), &devices, &fault);
    xlu_cfg_destroy(xlu);
    return rc;
}

static void assert_refused(const char *flavour, const char *text, const char *reason)
{
    assert_true(read_config(flavour, text) < 0);
    if (!strstr(fault.text, reason))
        fail_msg("\"%s\" is not in \"%s\"", reason, fault.text);
    assert_null(strchr(fault.text, '\n'));
}

static void test_what_is_asked_for(void **state)
{
    assert_int_equal(read_config("micro", "name = 'g'"), 0);
    assert_false(devices.wanted);
    assert_int_equal(read_config("linux", "pci = []"), 0);
    assert_true(devices.wanted);
    assert_int_equal(devices.count, 0);
    assert_string_equal(devices.setting, "passthrough=\"enabled\"");
    assert_int_equal(read_config("linux", "pci = []\npassthrough = 'share_pt'"), 0);
    assert_null(devices.setting);
    assert_int_equal(read_config("linux", "pci = [ '00:10.0', '0001:af:1f.7,permissive=1', '01:00.0@5,seize=1' ]"), 0);
    assert_int_equal(devices.count, 3);
    assert_null(devices.setting);
    assert_string_equal(devices.list[0].address, "0000:00:10.0");
    assert_string_equal(devices.list[1].address, "0001:af:1f.7");
    assert_false(devices.list[1].seize);
    assert_true(devices.list[2].seize);
    assert_int_equal(read_config("linux", "pci = [ '00:10.0' ]\npci_seize = 1"), 0);
    assert_true(devices.list[0].seize);
}

static void test_what_is_refused(void **state)
{
    assert_refused("micro", "pci = [ '00:10.0' ]",
                   "\"micro\" has no PCI passthrough, since its kernel has no PCI frontend; \"linux\" has");
    assert_refused("rump", "pci = []", "\"rump\" has no PCI passthrough, since its kernel has no PCI frontend");
    assert_refused("linux", "pci = [ '00:10' ]", "\"00:10\": not a device");
    assert_refused("linux", "pci = [ '00:20.0' ]", "not a device");
    assert_refused("linux", "pci = [ '' ]", "not a device");
    assert_refused("linux", "pci = [ [ '00:10.0' ] ]", "(a list)");
    assert_refused("linux", "pci = [ '00:10.0,shiny=1' ]", "not a device");
    assert_refused("linux", "pci = [ '00:10.*' ]", "one function at a time");
    assert_refused("linux", "pci = [ '00:10.0,rdm_policy=strict' ]", "rdm_policy=");
    assert_refused("linux", "pci = [ '00:10.0,msitranslate=1' ]", "msitranslate=");
    assert_refused("linux", "pci = [ 'name=disk' ]", "not by a name");
    assert_refused("linux", "pci = [ '00:10.0', '0000:00:10.0' ]", "0000:00:10.0 stands there twice");
    assert_refused("linux", "pci = [ '1:0.0','2:0.0','3:0.0','4:0.0','5:0.0','6:0.0','7:0.0','8:0.0','9:0.0','a:0.0',"
                            "'b:0.0','c:0.0','d:0.0','e:0.0','f:0.0','10:0.0','11:0.0' ]", "17 devices");
}

xc_interface *__wrap_xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dom, unsigned f)
{
    return (xc_interface *)&devices;
}

int __wrap_xc_interface_close(xc_interface *xc)
{
    return 0;
}

int __wrap_xc_physinfo(xc_interface *xc, xc_physinfo_t *info)
{
    info->capabilities = has_iommu ? XEN_SYSCTL_PHYSCAP_directio : 0;
    return 0;
}

int __wrap_xc_version(xc_interface *xc, int cmd, void *arg)
{
    assert_int_equal(cmd, XENVER_commandline);
    snprintf(arg, sizeof(xen_commandline_t), "%s", xen_line);
    return 0;
}

struct xs_handle *__wrap_xs_open(unsigned long flags)
{
    return (struct xs_handle *)&devices;
}

void __wrap_xs_close(struct xs_handle *xs)
{
}

char **__wrap_xs_directory(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned int *count)
{
    char **list = malloc(sizeof(*list) + 4);

    assert_string_equal(path, "/local/domain/0/backend/pci");
    *count = owner ? 1 : 0;
    list[0] = strcpy((char *)(list + 1), "7");
    return list;
}

static const char *node(const char *path)
{
    if (!strcmp(path, "/local/domain/7/vm"))
        return "/vm/x";
    if (!strcmp(path, "/vm/x/image/kernel"))
        return kernel;
    if (owner && !strcmp(path, "/local/domain/0/backend/pci/7/0/num_devs"))
        return "2";
    if (owner && !strcmp(path, "/local/domain/0/backend/pci/7/0/dev-1"))
        return "0000:00:10.0";
    if (target && !strcmp(path, "/local/domain/7/target"))
        return "6";
    if (owner && !strcmp(path, target ? "/local/domain/6/name" : "/local/domain/7/name"))
        return owner;
    return NULL;
}

void *__wrap_xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned int *len)
{
    const char *value = node(path);

    errno = ENOENT;
    *len = value ? strlen(value) : 0;
    return value ? strdup(value) : NULL;
}

static void make_device(const char *folder, const char *address)
{
    char path[100];

    snprintf(path, sizeof(path), "mkdir -p " PCI_FOLDER "/%s/%s", folder, address);
    assert_int_equal(system(path), 0);
}

static int forget(void **state)
{
    has_iommu = true;
    owner = NULL;
    return system("rm -rf " PCI_FOLDER);
}

static void assert_not_here(const char *reason)
{
    assert_true(pci_check_host(&devices, "g.cfg", &fault) < 0);
    if (!strstr(fault.text, reason))
        fail_msg("\"%s\" is not in \"%s\"", reason, fault.text);
}

static void test_this_host(void **state)
{
    has_iommu = false;
    assert_int_equal(read_config("linux", "name = 'g'"), 0);
    assert_int_equal(pci_check_host(&devices, "g.cfg", &fault), 0);
    assert_int_equal(read_config("linux", "pci = []"), 0);
    assert_not_here("no IOMMU");
    assert_int_equal(read_config("linux", "pci = [ '00:10.0' ]"), 0);
    assert_not_here("no IOMMU");
    has_iommu = true;
    assert_not_here("there is no device 0000:00:10.0");
    make_device("devices", "0000:00:10.0");
    assert_not_here("is dom0's: xl pci-assignable-add 0000:00:10.0");
    devices.list[0].seize = true;
    assert_int_equal(pci_check_host(&devices, "g.cfg", &fault), 0);
    devices.list[0].seize = false;
    make_device("drivers/pciback", "0000:00:10.0");
    assert_int_equal(pci_check_host(&devices, "g.cfg", &fault), 0);
    owner = "other";
    assert_not_here("other has the device 0000:00:10.0");
    target = true;
    assert_not_here("other has the device 0000:00:10.0");
    kernel = "/boot/qemu-stubdom-linux-kernel";
    assert_false(pci_stub_may_have(7));
    kernel = "/boot/qemu-stubdom-linux-pci-kernel";
    assert_true(pci_stub_may_have(7));
    kernel = "/boot/qemu-stubdom-micro-kernel";
    assert_false(pci_stub_may_have(7));
    kernel = "/boot/my-own";
    assert_true(pci_stub_may_have(7));
    assert_true(pci_stub_has_any(7));
    assert_false(pci_stub_has_any(8));
}

/* Writes the configuration space of a device with this pin and these two capabilities; 0: none. */
static void make_config(const char *address, uint8_t pin, uint8_t first, uint8_t second)
{
    uint8_t config[256] = { [6] = first ? 0x10 : 0, [0x34] = 0x40, [0x40] = first, [0x41] = 0x80, [0x80] = second,
                            [0x81] = second == 0xff ? 0x40 : 0, [0x3d] = pin };
    char path[100];
    FILE *file;

    make_device("devices", address);
    snprintf(path, sizeof(path), PCI_FOLDER "/devices/%s/config", address);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(config, 1, sizeof(config), file), sizeof(config));
    fclose(file);
}

static void test_only_a_pin(void **state)
{
    xen_line = "placeholder dom0_mem=1G";
    assert_int_equal(read_config("linux", "pci = [ '00:11.0', '00:10.0' ]"), 0);
    assert_false(pci_note_pin(&devices, "g.cfg", &fault)); /* the device does not exist */
    make_config("0000:00:11.0", 1, 1, 5);
    make_config("0000:00:10.0", 1, 0, 5); /* a capability behind the end of the list */
    assert_true(pci_note_pin(&devices, "g.cfg", &fault));
    assert_non_null(strstr(fault.text, "g.cfg: pci: 0000:00:10.0 has a pin"));
    assert_null(strchr(fault.text, '\n'));
    make_config("0000:00:10.0", 1, 1, 0xff); /* a list that runs in a circle */
    assert_true(pci_note_pin(&devices, "g.cfg", &fault));
    make_config("0000:00:10.0", 1, 5, 0);
    assert_false(pci_note_pin(&devices, "g.cfg", &fault));
    make_config("0000:00:10.0", 1, 0x10, 0x11);
    assert_false(pci_note_pin(&devices, "g.cfg", &fault));
    make_config("0000:00:10.0", 0, 1, 0); /* a virtual function has no pin */
    assert_false(pci_note_pin(&devices, "g.cfg", &fault));
    make_config("0000:00:10.0", 1, 1, 0);
    xen_line = "placeholder ioapic_ack=old dom0_mem=1G";
    assert_false(pci_note_pin(&devices, "g.cfg", &fault));
    assert_int_equal(read_config("linux", "pci = []"), 0);
    xen_line = "";
    assert_false(pci_note_pin(&devices, "g.cfg", &fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_asked_for),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test_setup_teardown(test_this_host, forget, forget),
        cmocka_unit_test_setup_teardown(test_only_a_pin, forget, forget),
    };

    return cmocka_run_group_tests_name("xl-pci", tests, NULL, NULL);
}
