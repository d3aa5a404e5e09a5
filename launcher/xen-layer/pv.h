/*
 * The Xen layer: what lies between a flavour's kernel and Xen, in a PV domain with one
 * CPU. Freestanding: no libc; the compiler's own headers and Xen's public ones only.
 * The flavours above it: launcher/stubdom-micro (a kernel with user mode),
 * launcher/stubdom-rump (NetBSD's rump kernel, one address space).
 *
 * Conventions, unless a declaration says otherwise:
 *   - Results: 0 or more is success, a negative number is an error, one of Xen's
 *     (xen/errno.h: the numbers are those of Linux on x86): -PV_ENOMEM.
 *   - Time is in nanoseconds: of pv_clock(), which starts near 0 with the domain and
 *     never goes back. PV_FOREVER: no limit.
 *   - Threads are cooperative and events are looked at only where a thread sleeps
 *     or yields: nothing else runs between two calls that do not say "sleeps".
 *   - Callbacks (events, watches, rings) run on the thread that is about to sleep, must
 *     not sleep themselves, and usually wake somebody.
 *   - What another domain writes is read once into a local and checked before it is used.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PV_H
#define PV_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/io/xs_wire.h>

#define PV_PAGE 4096UL
#define PV_PAGE_SHIFT 12
#define PV_FOREVER UINT64_MAX
#define PV_SECOND 1000000000ULL
#define PV_MS 1000000ULL

/* Xen's error numbers (xen/errno.h), as far as they are used here. */
enum {
    PV_EPERM = 1, PV_ENOENT = 2, PV_ESRCH = 3, PV_EINTR = 4, PV_EIO = 5, PV_ENXIO = 6,
    PV_E2BIG = 7, PV_EBADF = 9, PV_EAGAIN = 11, PV_ENOMEM = 12, PV_EACCES = 13,
    PV_EFAULT = 14, PV_EBUSY = 16, PV_EEXIST = 17, PV_ENODEV = 19, PV_EINVAL = 22,
    PV_ENOSPC = 28, PV_EROFS = 30, PV_EPIPE = 32, PV_ERANGE = 34, PV_ENAMETOOLONG = 36,
    PV_ENOSYS = 38, PV_EPROTO = 71, PV_EOPNOTSUPP = 95, PV_ENOBUFS = 105, PV_ENOTCONN = 107,
    PV_ETIMEDOUT = 110,
};

/* One CPU: the compiler must not move accesses across this; x86 orders stores itself. */
static inline void pv_barrier(void) { __asm__ volatile("" ::: "memory"); }
/* A store before it is seen before a load after it is done. */
static inline void pv_full_barrier(void) { __asm__ volatile("lock; addl $0,-8(%%rsp)" ::: "memory", "cc"); }
/* Reads what another domain may write, once. */
#define PV_READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define PV_WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))

/* ---- text.c: strings, as far as they are needed (names of our own: both libcs have theirs) ---- */

/* snprintf(): %s %c %d %u %x %lu %lx %p, widths, zero padding, %.*s. Returns the length wanted. */
int pv_format(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int pv_vformat(char *to, size_t size, const char *format, va_list args);
size_t pv_strlen(const char *s);
bool pv_streq(const char *a, const char *b);
/* Decimal digits only, at most max: 0, or -PV_EINVAL. */
int pv_parse_uint(const char *text, uint64_t max, uint64_t *value);
void pv_copy(void *to, const void *from, size_t n);   /* memcpy */
void pv_zero(void *p, size_t n);
int pv_compare(const void *a, const void *b, size_t n); /* 0: equal */

/* ---- start.c ---- */

/* The flavour's main, on the first thread; everything of the layer is up. Never returns. */
void pv_main(void) __attribute__((noreturn));
/* The kernel's command line, from the domain builder: never NULL, ended by NUL. */
const char *pv_command_line(void);
/* The ramdisk, in page-aligned memory of our own; size 0: there is none. */
void *pv_ramdisk(size_t *size);
/* Our own domid. It is read from xenstore once. */
uint16_t pv_domid(void);

/* ---- end.c: the log, and the end of the domain ---- */

/* One line, with the time, to console 0; what does not fit into the ring within 10 ms is lost. */
void pv_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for bytes that are a complete line: no time and no newline are added. */
void pv_log_bytes(const char *bytes, size_t size);
/*
 * Crashes the domain. The reason and a backtrace go to the log; the guest (if pv_guest is known) is shut down with
 * reason "crash", so that it does not hang; then the backtraces of the other threads follow.
 */
void pv_panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define PV_ASSERT(x) do { if (!(x)) pv_panic("%s:%d: %s", __FILE__, __LINE__, #x); } while (0)
/*
 * backtrace.c: writes rip (unless 0) and the return addresses on the stack at rsp, at most `most` of them, to the log.
 */
#define PV_BACKTRACE 24
void pv_backtrace(uint64_t rip, uint64_t rsp, unsigned int most);
/* The guest whose device model we are; 0: not known yet. Set by the flavour. */
extern uint16_t pv_guest;
void pv_power_off(void) __attribute__((noreturn));
/*
 * backtrace.c: whether these bytes end with a call instruction, so that the address behind them may be a return
 * address.
 */
#define PV_CALL_BYTES 7
bool pv_follows_call(const uint8_t before[PV_CALL_BYTES]);

/* ---- memory.c: pages ---- */

/*
 * A run: n pages in a row, aligned to `align` pages (a power of two), mapped, not zeroed. NULL: there are none. Each
 * run has a count of its users, 1 at first.
 */
void *pv_pages_alloc(size_t n, size_t align);
/* One more, or one less, user of the run that begins at page. The run is freed with its last user. */
void pv_pages_get(void *page);
void pv_pages_put(void *page);
/* How many pages the run that begins here has; 0: no run begins here. */
size_t pv_pages_in_run(const void *page);
/* In pages. */
size_t pv_pages_free(void);
size_t pv_pages_total(void);
/*
 * Gives pages that nobody allocated (the ramdisk's) to the allocator, which may give them out from now on.
 * Page-aligned.
 */
void pv_pages_add(void *first, size_t n);
/* The same, but each as a run of one page with one user. */
void pv_pages_adopt(void *first, size_t n);

/* The machine frame of a page of this domain, and the page of a frame (NULL: this domain has no such page). */
uint64_t pv_frame_of(const void *page);
void *pv_page_of(uint64_t frame);

/* heap.c: small pieces of memory, zeroed, aligned to 16. NULL: no memory. pv_free(NULL) does nothing. */
void *pv_alloc(size_t size);
void pv_free(void *p);
/* How many bytes of what pv_alloc() returned may be used: at least as many as were asked for. */
size_t pv_alloc_size(const void *p);

/* ---- memory.c: address space ---- */

/*
 * An area is address space of the kernel, without memory, with an unmapped page behind it. 0: there is none left. It is
 * freed as a whole, after everything in it was unmapped.
 */
uintptr_t pv_area_alloc(size_t pages);
void pv_area_free(uintptr_t area);
/* The area that holds va: its first address and length; false: none does. */
bool pv_area_find(uintptr_t va, uintptr_t *first, size_t *pages);

/* Protection of a mapping. */
enum {
    PV_PROT_WRITE = 1, PV_PROT_EXEC = 2, PV_PROT_USER = 4, /* micro: reachable in user mode */
    /*
     * Without the others: the page cannot be accessed, but its frame stays in the entry. Xen runs kernel and user mode
     * in one ring, so PV_PROT_USER alone could not protect it.
     */
    PV_PROT_NONE = 8,
};

/*
 * A tree of page tables. pv_kernel_root is the one at the start; all others share its
 * kernel half. Opaque: the address of the top page.
 */
typedef uint64_t pv_root;
extern pv_root *pv_kernel_root;

/*
 * Maps a frame at va in root (NULL: the current one), in place of what was mapped there. owner: PV_SELF, or another
 * domain; then frame is that domain's own number of it, which Xen translates. 0, -PV_ENOMEM, or Xen's error.
 */
#define PV_SELF DOMID_SELF
int pv_map(pv_root *root, uintptr_t va, uint64_t frame, unsigned int prot, uint16_t owner);
/* The same for n frames in a row of addresses, in as few hypercalls as possible; errors[i] each. */
void pv_map_batch(pv_root *root, uintptr_t va, const uint64_t *frames, size_t n,
                  unsigned int prot, uint16_t owner, int *errors);
/* Unmaps these pages. The memory that was mapped there is not freed. */
void pv_unmap(pv_root *root, uintptr_t va, size_t pages);
/* True: something is mapped at va; its machine frame and protection. */
bool pv_mapped(pv_root *root, uintptr_t va, uint64_t *frame, unsigned int *prot);
/* The first address from va on and below end where something is mapped; end if there is none. */
uintptr_t pv_next_mapped(pv_root *root, uintptr_t va, uintptr_t end);
/* Makes the page tables for these addresses, so that Xen can write a grant's entry itself. */
int pv_map_prepare(pv_root *root, uintptr_t va, size_t pages);

/*
 * Two new trees: *root, for kernel mode, has the kernel's half and an empty user half (below PV_USER_END); *user, for
 * user mode, shares that user half. 0 or -PV_ENOMEM. Freeing them frees tables only.
 */
#define PV_USER_END (1UL << 39)
int pv_root_create(pv_root **root, pv_root **user);
void pv_root_free(pv_root *root, pv_root *user);
/* From now on these are the CPU's. user may be NULL. */
void pv_root_use(pv_root *root, pv_root *user);

/*
 * The flavour's handler of page faults in the kernel. True: the access is tried again. The faulting thread's registers
 * are saved while it runs; it must not sleep.
 */
extern bool (*pv_on_fault)(uintptr_t va, bool write, bool exec);

/* ---- clock.c ---- */

uint64_t pv_clock(void);
/* Turns a time of pv_clock() into Xen's system time (struct vcpu_time_info). */
uint64_t pv_clock_to_xen(uint64_t time);
/* What to add to pv_clock() to get UTC since 1970. */
uint64_t pv_clock_epoch(void);

/* ---- entropy.c ---- */

/*
 * Random bytes, from the CPU's generator and the seed that dom0 wrote to xenstore. 0, or -PV_ENODEV: there is neither.
 */
int pv_random(void *to, size_t size);

/* ---- events.c: event channels ---- */

typedef void pv_event_fn(void *arg, uint32_t port);

/* New ports. The function is called once for each time it is found pending. 0 or an error. */
int pv_event_alloc(uint16_t remote, pv_event_fn *fn, void *arg, uint32_t *port);
int pv_event_connect(uint16_t remote, uint32_t remote_port, pv_event_fn *fn, void *arg, uint32_t *port);
int pv_event_virq(unsigned int virq, pv_event_fn *fn, void *arg, uint32_t *port);
/* A port that exists already (console, xenstore). */
int pv_event_listen(uint32_t port, pv_event_fn *fn, void *arg);
/* Closes it; no call of fn comes after this. Not for a port of pv_event_listen(). */
void pv_event_close(uint32_t port);
void pv_event_notify(uint32_t port);
/* While masked a port only notes that it is pending; unmasking then calls fn soon. */
void pv_event_mask(uint32_t port);
void pv_event_unmask(uint32_t port);
/* Calls the functions of all ports that are pending. Returns whether there was any. */
bool pv_events_dispatch(void);
/* An event interrupts user mode at this time; PV_FOREVER: none. */
void pv_timer_arm(uint64_t until);
/* How many ports there can be. */
#define PV_EVENT_PORTS 4096U

/* ---- thread.c: cooperative threads ---- */

struct pv_thread;
typedef void pv_thread_fn(void *arg);

/*
 * A thread with a stack of stack_pages, all backed by memory, and a guard page below. The stack is freed when the
 * thread has ended. name is copied (15 bytes). NULL: no memory.
 */
struct pv_thread *pv_thread_create(const char *name, pv_thread_fn *fn, void *arg, size_t stack_pages);
/* The same on a stack that is the caller's; ended(arg) is called on another thread after its end. */
struct pv_thread *pv_thread_create_on(const char *name, pv_thread_fn *fn, void *arg, void *stack,
                                      size_t stack_size, void (*ended)(void *arg));
void pv_thread_exit(void) __attribute__((noreturn));
struct pv_thread *pv_thread_self(void);
/* A word of the flavour's for each thread. */
void **pv_thread_data(struct pv_thread *thread);
/* Top of its stack. */
uintptr_t pv_thread_stack_top(struct pv_thread *thread);
const char *pv_thread_name(struct pv_thread *thread);

/*
 * Sleeps until somebody wakes this thread, or until that time (true). A wake before the sleep is not remembered: test
 * what you wait for in a loop.
 */
bool pv_sleep(uint64_t until);
void pv_wake(struct pv_thread *thread);
/* Lets every other thread that can run, run. */
void pv_yield(void);
/* Is another thread ready to run? */
bool pv_others_ready(void);
/* When the first sleeper wants to be woken; PV_FOREVER: none. */
uint64_t pv_next_deadline(void);
/* Called at each switch between two threads, on neither's behalf; may be NULL. */
extern void (*pv_on_switch)(struct pv_thread *from, struct pv_thread *to);
/*
 * Called after `xl sysrq` had the backtraces of all threads logged (sysrq.c), so that the flavour can add to them; may
 * be NULL.
 */
extern void (*pv_on_show)(void);

/* ---- wait.c: who waits for what ---- */

/* A queue of sleeping threads. Zeroed: empty. */
struct pv_queue { struct pv_wait *first; };
struct pv_wait { struct pv_thread *thread; struct pv_wait *next; bool woken; };
/* Sleeps until the queue is woken (false) or that time comes (true). In both cases look again at what you wait for. */
bool pv_queue_wait(struct pv_queue *queue, uint64_t until);
void pv_queue_wake(struct pv_queue *queue);

/* ---- grant.c: pages shared with other domains, and theirs mapped here ---- */

/* Lets domain remote use our frame. The reference, or -PV_ENOSPC. */
int pv_grant(uint16_t remote, uint64_t frame, bool readonly, uint32_t *ref);
/*
 * Ends the grant: 0, or -PV_EBUSY: the peer still has the page mapped, and the page must not be used for anything else.
 */
int pv_grant_end(uint32_t ref);
/* Xen maps the peer's page at va of the current root; *handle is for the unmapping. */
int pv_grant_map(uintptr_t va, uint16_t remote, uint32_t ref, unsigned int prot, uint32_t *handle);
int pv_grant_unmap(uintptr_t va, uint32_t handle);
/*
 * Xen copies size bytes, within one page on both sides, between a page that remote grants and a frame of
 * ours: to_remote says which way. 0 or an error.
 */
int pv_grant_copy(bool to_remote, uint16_t remote, uint32_t ref, uint16_t offset, uint64_t frame,
                  uint16_t frame_offset, uint16_t size);

/* ---- xenstore.c ---- */

/*
 * The kernel's own requests. They sleep until the answer. Paths are absolute, or relative to /local/domain/<us>. Errors
 * are xenstored's.
 */
/* The value, ended by NUL; its length, or -PV_ERANGE when it does not fit. */
int pv_store_read(const char *path, char *value, size_t size);
int pv_store_read_uint(const char *path, uint64_t max, uint64_t *value);
int pv_store_write(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
int pv_store_remove(const char *path);
/* Names below path, each ended by NUL, into names; how many bytes, or an error. */
int pv_store_list(const char *path, char *names, size_t size);

/* fn(arg, path) is called for each change below path, and once at first; it may end the watch. */
typedef void pv_watch_fn(void *arg, const char *path);
struct pv_watch;
int pv_watch(const char *path, pv_watch_fn *fn, void *arg, struct pv_watch **watch);
void pv_unwatch(struct pv_watch *watch);

/*
 * A client that speaks xenstore's protocol itself (libxenstore, through a device file). It chooses its own request
 * numbers and tokens; they are translated.
 */
struct pv_store_client;
/*
 * Called for each complete answer and watch event. body has message->len bytes, and is valid during the call.
 */
typedef void pv_store_got_fn(void *arg, const struct xsd_sockmsg *message, const void *body);
struct pv_store_client *pv_store_client_open(pv_store_got_fn *got, void *arg);
/*
 * Sends one request: 0; -PV_EINVAL, the header is nonsense; -PV_ENOBUFS, too many under way; -PV_EIO, xenstore is dead.
 * Does not sleep. A request that needs no xenstored is answered by a call of got() before this returns. got() may close
 * the client, but must not use it after that.
 */
int pv_store_client_send(struct pv_store_client *client, const struct xsd_sockmsg *message, const void *body);
/* Aborts its transactions and removes its watches; no call of got() comes after this. */
void pv_store_client_close(struct pv_store_client *client);

/* ---- console.c: PV consoles ---- */

/*
 * Connects console n: 0 is the domain's first one, others are in device/console/n of xenstore. changed(arg) is called
 * when there is input, or room again. -PV_EAGAIN: its backend is not there yet. May sleep. Each console can be open
 * once.
 */
struct pv_console;
int pv_console_open(unsigned int n, void (*changed)(void *arg), void *arg, struct pv_console **console);
void pv_console_close(struct pv_console *console);
/* As many bytes as there are, or as there is room for: maybe 0. -PV_EIO: the backend has gone. */
long pv_console_read(struct pv_console *console, void *to, size_t size);
long pv_console_write(struct pv_console *console, const void *from, size_t size);
/* Bytes that can be read; room to write; bytes written that the backend has not taken. */
size_t pv_console_readable(struct pv_console *console);
size_t pv_console_writable(struct pv_console *console);
size_t pv_console_unsent(struct pv_console *console);
bool pv_console_gone(struct pv_console *console);

/* ---- disk.c: block frontends ---- */

/* Virtual disks 0 (xvda) to 25 (xvdz). */
#define PV_DISKS 26
struct pv_disk; /* one connection to a backend: a disk that comes back gets another struct */

struct pv_disk_info {
    uint64_t sectors;        /* of 512 bytes */
    unsigned int sector_size; /* the backend's: transfers are multiples of it */
    bool readonly, removable, flush;
};

/*
 * Starts looking for disks in xenstore. changed(arg, n) is called when disk n has come or gone. Who still holds a disk
 * that has gone gets -PV_EIO. keep: all data goes through pages of pv_disk_page_get(), which a backend with
 * feature-persistent maps only once.
 */
int pv_disks_init(void (*changed)(void *arg, unsigned int n), void *arg, bool keep);
/* The connected disk n with one user more, or NULL. */
struct pv_disk *pv_disk_get(unsigned int n);
void pv_disk_put(struct pv_disk *disk);
void pv_disk_describe(struct pv_disk *disk, struct pv_disk_info *info);

/* A page for requests to this disk. ref: the backend may use it until the connection ends; 0: during a request. */
struct pv_disk_page { void *page; uint32_t ref; struct pv_disk_page *next; };
/* NULL: no memory, or too many pages are in use. wait: sleeps until fewer are in use. */
struct pv_disk_page *pv_disk_page_get(struct pv_disk *disk, bool wait);
/* Gives the page back. No request may use it any more. */
void pv_disk_page_put(struct pv_disk *disk, struct pv_disk_page *page);

enum pv_disk_op { PV_DISK_READ, PV_DISK_WRITE, PV_DISK_FLUSH };

/*
 * A piece of a page of ours: within one page, multiples of the backend's sector_size. The page
 * is a run of its own (pv_pages_in_run()): while the backend has it, the frontend is one more
 * user of it, even when the request has failed. ref: of struct pv_disk_page, else 0.
 */
struct pv_disk_segment { uint64_t frame; uint16_t offset, size; uint32_t ref; };

struct pv_disk_request {
    /* Filled in by the caller; must stay as it is until done. */
    enum pv_disk_op op;
    uint64_t sector;         /* of 512 bytes; a multiple of the backend's */
    const struct pv_disk_segment *segments; /* in order; any number */
    size_t count;
    void (*done)(struct pv_disk_request *request, int result); /* 0 or an error, once */
    void *data;
    /* The frontend's. */
    struct pv_disk_request *next;
    size_t issued, pending;
    int result;
};
/*
 * Queues it. done() is called later, never from within this call. A flush covers every write that was done before the
 * flush was submitted. Requests may finish in any order.
 */
void pv_disk_submit(struct pv_disk *disk, struct pv_disk_request *request);

/* ---- nic.c: network frontends ---- */

struct pv_nic; /* vif n: device/vif/n of xenstore */

#define PV_FRAME_MAX 65550U /* with the Ethernet header; above the MTU only with segmentation */
/* What goes with a frame, as in struct virtio_net_hdr. */
struct pv_frame_info {
    bool csum_blank;         /* the checksum at csum_start + csum_offset has the pseudo header's sum only */
    bool csum_valid;         /* the sender says that the checksum is right */
    uint16_t csum_start, csum_offset;
    uint8_t gso;             /* 0, XEN_NETIF_GSO_TYPE_TCPV4 or _TCPV6 */
    uint16_t gso_size, header_size;
};
/* Called for each frame, in order, from a callback: must not sleep. The bytes are valid during the call. */
typedef void pv_nic_got_fn(void *arg, const struct pv_frame_info *info, const void *frame, size_t size);
/*
 * Connects vif n. -PV_EAGAIN: it is not in xenstore yet; -PV_ENODEV: its backend has gone, or did not come in time.
 * Sleeps. room(arg) is called when a frame that was refused would fit.
 */
int pv_nic_open(unsigned int n, pv_nic_got_fn *got, void (*room)(void *arg), void *arg,
                struct pv_nic **nic);
void pv_nic_close(struct pv_nic *nic);
void pv_nic_mac(struct pv_nic *nic, uint8_t mac[6]);
/*
 * False, as at first: got() is not called, since its owner has no room; frames wait in the ring. True: got() may be
 * called, even before this returns.
 */
void pv_nic_accept(struct pv_nic *nic, bool accept);
/* What can be left to the backend: checksums of TCP and UDP over IPv4 or IPv6, segmentation of TCP over either. */
enum { PV_OFFLOAD_CSUM4 = 1, PV_OFFLOAD_CSUM6 = 2, PV_OFFLOAD_GSO4 = 4, PV_OFFLOAD_GSO6 = 8 };
unsigned int pv_nic_offloads(struct pv_nic *nic);
/*
 * Sends a copy of the frame: 0; -PV_EAGAIN, no room now; -PV_EINVAL, too long, nonsense, or it needs what
 * pv_nic_offloads() does not have; -PV_ENODEV. Does not sleep.
 */
int pv_nic_send(struct pv_nic *nic, const struct pv_frame_info *info, const void *frame, size_t size);
/*
 * From now on the backend is notified when more than so many octets of frames wait, or when the sender's thread lets
 * others run. For senders that are threads of the kernel, and so let others run soon.
 */
void pv_nic_gather(struct pv_nic *nic, size_t octets);

/* ---- head.S, start.c: raw hypercalls and Xen's two pages, for the flavours ---- */

long pv_hypercall(unsigned int op, unsigned long a, unsigned long b, unsigned long c,
                  unsigned long d, unsigned long e);

extern start_info_t *pv_start_info;
extern shared_info_t *pv_shared_info;

#endif
