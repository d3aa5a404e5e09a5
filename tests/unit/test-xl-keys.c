// sources: launcher/xl-stubdom/keys.c launcher/xl-stubdom/config.c launcher/xl-stubdom/fault.c
// sources: launcher/xl-stubdom/pci.c launcher/xl-stubdom/disks.c launcher/xl-stubdom/nics.c
// sources: launcher/xl-stubdom/devices.c launcher/xl-stubdom/flavour.c launcher/xl-stubdom/host-config.c
// sources: launcher/xl-stubdom/channels.c launcher/xl-stubdom/serials.c
// sources: launcher/dom0-daemon/outputs/output-spec.c
// sources: launcher/xl-stubdom/host-file.c launcher/xl-stubdom/firmware.c launcher/xl-stubdom/vnc.c
// sources: launcher/xl-stubdom/usb.c launcher/dom0-daemon/root/options.c launcher/dom0-daemon/both/vnc-port.c
// libs: xlutil xenlight
/*
 * The table of xl.cfg(5)'s keys: each row does what it says, and docs/limits.md agrees with it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "cleanup.h"
#include "config.h"
#include "keys.h"

#define GUEST "name = \"g\"\ntype = \"hvm\"\nstubdom_flavor = \"linux\"\n"
#define DOC "docs/limits.md"
#define NEW_TABLE "build/unit/limits-table.md"

static struct fault fault;

/* Returns the result of config_init_text() for a config with these lines. */
static int read_guest(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int read_guest(const char *format, ...)
{
    struct config config;
    char text[1024] = GUEST;
    va_list args;
    int rc;

    va_start(args, format);
    vsnprintf(text + strlen(text), sizeof(text) - strlen(text), format, args);
    va_end(args);
    fault.text[0] = '\0';
    rc = config_init_text(&config, "g.cfg", text, strlen(text), NULL, &fault);
    config_dispose(&config);
    return rc;
}

static void assert_refused(const struct key *key, const char *value)
{
    char expected[1200];

    snprintf(expected, sizeof(expected), "g.cfg: %s = \"%s\": %s", key->name, value, key->reason);
    assert_int_equal(read_guest("%s = \"%s\"\n", key->name, value), -EINVAL);
    assert_string_equal(fault.text, expected);
    assert_int_equal(read_guest("%s = [ \"%s\" ]\n", key->name, value), -EINVAL);
    assert_string_equal(fault.text, expected);
}

/* A row that says "refused: X" refuses X and nothing else; the others refuse nothing. */
static void test_rows(void **state)
{
    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &keys[i];
        char what[256];

        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(key->name, keys[j].name);
        key_describe(key, what, sizeof(what));
        assert_true(!key->refuses == !key->reason && (!key->refuses && !key->max) == !what[0]);
        if (!key->refuses) {
            assert_int_not_equal(key->verdict, KEY_REFUSED);
            continue;
        }
        if (!strcmp(what, "`1`")) {
            assert_refused(key, "1");
            assert_refused(key, "0x1");
            assert_refused(key, "yes");
            assert_int_equal(read_guest("%s = 0\n", key->name), 0);
        } else if (!strcmp(what, "any")) {
            assert_refused(key, "x");
            assert_int_equal(read_guest("%s = [ [ 'x' ] ]\n", key->name), -EINVAL);
            assert_int_equal(read_guest("%s = [ ]\n%s = \"\"\n", key->name, key->name), 0);
        } else if (!strncmp(what, "other than", 10)) {
            assert_refused(key, "x");
            assert_refused(key, key->words);
            for (const char *word = key->words; *word; word += strcspn(word, " "), word += *word == ' ')
                assert_int_equal(read_guest("%s = \"%.*s\"\n", key->name, (int)strcspn(word, " "), word), 0);
        } else if (!strncmp(what, "without", 7)) {
            assert_refused(key, "x");
            assert_int_equal(read_guest("%s = [ \"a,%s\" ]\n", key->name, key->words), 0);
        } else if (what[0] == '`') {
            cleanup_free char *words = strdup(key->words);

            for (char *save, *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
                assert_refused(key, word);
            assert_int_equal(read_guest("%s = \"x\"\n", key->name), 0);
        }
    }
}

/* A key that the host's xl is too old for, and would ignore, is refused. The newest xl knows all keys. */
static void test_since(void **state)
{
#define IGNORED(key, xen, since) \
    "g.cfg: " key ": xl of Xen 4." #xen " ignores this key for an HVM guest, 4." #since "'s does not: remove it"
    static const struct { int xen; const char *line, *fault; } cases[] = {
        { 17, "smbios = [ 'a=b' ]", IGNORED("smbios", 17, 18) },
        { 17, "hvm_pirq = 0", IGNORED("hvm_pirq", 17, 19) },
        { 18, "hvm_pirq = 0", IGNORED("hvm_pirq", 18, 19) },
        { 18, "vkb = [ 'backend-type=linux' ]", IGNORED("vkb", 18, 19) },
        { 20, "xen_platform_pci_bar_uc = 0", IGNORED("xen_platform_pci_bar_uc", 20, 21) },
        { 21, "xenstore_quota = [ 'nodes=1' ]", IGNORED("xenstore_quota", 21, 22) },
        { 22, "xenstore_quota = [ 'nodes=1' ]\naltp2m_count = 5\nxenstore_feature_mask = 1", "" },
        { 18, "vif = [ 'bridge=a', 'bridge=b, vlan=10' ]",
          "g.cfg: vif: vlan=: xl of Xen 4.18 ignores it, 4.19's does not: remove it" },
        { 19, "vif = [ 'bridge=b, vlan=10' ]", "" }, { 17, "vif = [ 'bridge=vlan' ]", "" },
        { 17, "vcpus = 2", "" }, { 18, "smbios = [ 'a=b' ]", "" }, { 19, "vkb = [ 'backend-type=linux' ]", "" },
        { 20, "smbios = [ 'a=b' ]\nhvm_pirq = 1", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct host_config host = {.xen_minor = cases[i].xen};
        struct config config;
        char text[512];
        int rc;

        fault.text[0] = '\0';
        snprintf(text, sizeof(text), GUEST "%s\n", cases[i].line);
        rc = config_init_text(&config, "g.cfg", text, strlen(text), &host, &fault);
        assert_int_equal(rc, cases[i].fault[0] ? -EINVAL : 0);
        assert_string_equal(fault.text, cases[i].fault);
        config_dispose(&config);
        assert_int_equal(read_guest("%s\n", cases[i].line), 0);
    }
}

/* Of a new guest; what one that is restored has stays as it is. */
static int read_new_guest(bool afresh, const char *key, const char *value)
{
    struct host_config host = {.here = true, .afresh = afresh, .firmware = "/"};
    struct config config;
    char text[512];
    int rc;

    snprintf(text, sizeof(text), GUEST "%s %s\n", key, value);
    fault.text[0] = '\0';
    rc = config_init_text(&config, "g.cfg", text, strlen(text), &host, &fault);
    config_dispose(&config);
    return rc;
}

static void assert_no_number(const struct key *key, const char *value, const char *shown)
{
    char expected[256];

    assert_int_equal(read_new_guest(true, key->name, value), -EINVAL);
    snprintf(expected, sizeof(expected), "g.cfg: %s = \"%s\" is not a number", key->name, shown);
    assert_string_equal(fault.text, expected);
}

static void assert_bounds(const struct key *key, long number, bool fits)
{
    char value[64], expected[256];

    snprintf(value, sizeof(value), "= \"%ld\"", number);
    if (fits) {
        assert_int_equal(read_new_guest(true, key->name, value), 0);
        return;
    }
    assert_int_equal(read_new_guest(true, key->name, value), -EINVAL);
    snprintf(expected, sizeof(expected), "g.cfg: %s = %ld must be from %ld to %ld", key->name, number, key->min,
             key->max);
    assert_string_equal(fault.text, expected);
}

/* What xl would pass over with a warning, or without one. */
static void test_numbers(void **state)
{
    static const char *const read_in_any_case[] = {
        "hap", "stdvga", "videoram", "vnc", "device_model_stubdomain_override",
    };
    size_t numbers = 0;

    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &keys[i];

        if (!key->number)
            continue;
        numbers++;
        assert_no_number(key, "= 'x'", "x");
        assert_no_number(key, "= '1x'", "1x");
        assert_no_number(key, "= ''", "");
        assert_no_number(key, "+= '1'", "1");
        if (key->or_list)
            assert_int_equal(read_new_guest(true, key->name, "= [ 'base' ]"), 0);
        else
            assert_no_number(key, "= [ '1' ]", "(a list)");
        if (key->min || key->max) {
            assert_bounds(key, key->min - 1, false);
            assert_bounds(key, key->max + 1, false);
        }
        if (!key_is_among(read_in_any_case, ARRAY_LEN(read_in_any_case), key->name, strlen(key->name)))
            assert_int_equal(read_new_guest(false, key->name, "= 'x'"), 0);
    }
    assert_true(numbers > 60);
    assert_int_equal(read_new_guest(true, "name2 = 'x'\nacpi", "= 0x1"), 0);
}

/* Of a new guest alone: xl would make it all the same. */
static void test_cpuid(void **state)
{
    static const char *const good[] = {
        "'host'", "'host,htt=0,rdtscp=x'", "[ '1:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0' ]", "[ ]", "''",
        "[ '0x80000001,0:edx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' ]",
    };
    static const char *const bad[] = {
        "'x'", "'host,nosuch=1'", "'host,htt'", "'host,htt=z'", "[ 'x' ]", "[ '1:exx=1' ]", "'htt=0'",
    };

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(read_guest("cpuid = %s\n", good[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char value[128];

        snprintf(value, sizeof(value), "= %s", bad[i]);
        assert_int_equal(read_new_guest(false, "cpuid", value), 0);
        assert_int_equal(read_new_guest(true, "cpuid", value), -EINVAL);
        assert_non_null(strstr(fault.text, "\": no such feature or value: xl would make the guest without"));
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char value[128];

        snprintf(value, sizeof(value), "= %s", good[i]);
        if (read_new_guest(true, "cpuid", value))
            fail_msg("%s: %s", good[i], fault.text);
    }
}

static void test_boot_order(void **state)
{
    static const char *const good[] = { "", "c", "cd", "dcn", "n", "c,menu=on", "ac",
                                        "c,menu=on,splash-time=5000,strict=on,reboot-timeout=-1" };
    static const char *const bad[] = { "x", "cc", "cdna", "C", "hda", "cd cn", "c,splash=/x", "c,once=d", "c,", "c,x=y",
                                       "c,menu=on,splash=/x", "c,menu=on,,", "c,strict" };

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(read_guest("boot = \"%s\"\n", good[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(read_guest("boot = \"%s\"\n", bad[i]), -EINVAL);
}

/* Values that xl accepts without effect, or with which the guest fails when it is half made. */
static void test_asked_for_in_vain(void **state)
{
    static const char *const lines[] = {
        "spice = 1", "p9 = [ 'tag=a,path=/b,security_model=none' ]",
        "vga = 'qxl'",
        "vtpm = [ 'backend=0' ]", "gfx_passthru = 1", "gfx_passthru = 'igd'", "nestedhvm = 1",
        "pci_msitranslate = 1", "sdl = 1", "vfb = [ 'type=vnc' ]", "vkb = [ 'unique-id=a' ]",
        "usbdevice = 'host:1.2'", "usbdevice = [ 'tablet', 'host:1.2' ]", "soundhw = 'all'",
        "usbversion = 4", "usbdevice = ''", "soundhw = ''", "bios = 'rombios'", "rdm = 'strategy=host'",
        "spiceusbredirection = 2",
        "tsc_mode = 'native_paravirt'", "tsc_mode = 3",
    };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_int_equal(read_guest("%s\n", lines[i]), -EINVAL);
    assert_int_equal(read_guest("vga = 'stdvga'\nspice = 0\nusbdevice = [ 'tablet' ]\n"), 0);
}

static void test_unknown(void **state)
{
    static const struct { const char *text, *expected; } cases[] = {
        { GUEST "memory = 1; vcpus=2\n", "" },
        { "foo = 1", "foo" },
        { "foo=1\nbar += [ 'x', ]\nfoo=2\n", "foo, bar, foo" },
        { "a = 1; b=2\nmemory=3", "a, b" },
        { "# foo = 1\nname = \"a # bar = 2\" # x = 1\n y = 2", "y" },
        { "name = 'a\\'\\nb = 1' ; disk = [ 'vdev=hda,target=x', \"a = b\",\n  'c=d' ]\nz = [ [ 1, 2 ], 3 ]", "z" },
        { "stubdom_flavor = 'linux'\nstubdom_whatever = 1", "" },
        { "stubdo = 1\nnam = 1\nnames = 1", "stubdo, nam, names" },
        { "vnc_passwd = 'x\\", "vnc_passwd" },
        { "foo", "" },
        { "", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].text);
        /* In memory of exactly its size: nothing behind it may be read. */
        cleanup_free char *text = len ? memcpy(malloc(len), cases[i].text, len) : NULL;
        cleanup_free char *unknown = keys_unknown(text, len);

        assert_string_equal(unknown, cases[i].expected);
    }
}

/* The image has exactly the row's keymaps. */
static void test_keymaps(void **state)
{
    FILE *f = fopen("initramfs/manifest", "r");
    cleanup_free char *expected = strdup("");
    char line[256], name[64];

    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        char *longer;

        if (sscanf(line, "f %*s usr/share/qemu/keymaps/%63s", name) != 1)
            continue;
        assert_true(asprintf(&longer, "%s%s%s", expected, *expected ? " " : "", name) > 0);
        free(expected);
        expected = longer;
    }
    fclose(f);
    for (size_t i = 0; i < key_count; i++)
        if (!strcmp(keys[i].name, "keymap"))
            assert_string_equal(keys[i].words, expected);
    assert_int_equal(read_guest("keymap = 'xx'\n"), -EINVAL);
}

static void print_table(FILE *f)
{
    static const char *const verdicts[] = { "served", "no matter", "refused" };

    fputs("| key | it is | values that are refused | note |\n|---|---|---|---|\n", f);
    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &keys[i];
        char what[256], since[32] = "";

        key_describe(key, what, sizeof(what));
        if (key->since)
            snprintf(since, sizeof(since), "; since Xen 4.%d", key->since);
        fprintf(f, "| `%s` | %s | %s | %s%s%s%s |\n", key->name, verdicts[key->verdict], what,
                key->note ? key->note : "", key->note && key->reason ? "; " : "",
                key->reason ? key->reason : "", since);
    }
}

static char *read_doc(void)
{
    static char text[65536];
    FILE *f = fopen(DOC, "r");

    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

/* The page has this table. If not, NEW_TABLE is what it must have. */
static void test_page(void **state)
{
    cleanup_free char *table = NULL;
    char *begin = strstr(read_doc(), "| key | it is |");
    size_t size;
    FILE *f = open_memstream(&table, &size);

    print_table(f);
    fclose(f);
    f = fopen(NEW_TABLE, "w");
    assert_non_null(f);
    fputs(table, f);
    fclose(f);
    assert_non_null(begin);
    assert_int_equal(strncmp(begin, table, size), 0);
    assert_true(begin[size] != '|');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_since),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_cpuid),
        cmocka_unit_test(test_boot_order),
        cmocka_unit_test(test_asked_for_in_vain),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_keymaps),
        cmocka_unit_test(test_page),
    };

    return cmocka_run_group_tests_name("xl-keys", tests, NULL, NULL);
}
