/*
 * Tasks and processes: how they begin, take turns, and end (task.h).
 *
 * A task is a thread of the Xen layer. While it is in the kernel, the registers of user mode are in a frame at the top
 * of its stack. A stub domain has two processes: the launcher and QEMU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "aio.h"
#include "task.h"

#include <asm/prctl.h>
#include <linux/sched.h>
#include <linux/wait.h>

#define KERNEL_STACK 4 /* pages: paths and messages are on it */
#define FPU_SIZE 512
#define SLICE (10 * PV_MS)

struct process *processes;
static int last_id;
static struct task *loaded;   /* whose registers and address space the CPU has */
static bool fsgsbase;
static uint64_t turn_ends;    /* of the running task's turn; 0: no other task has been ready yet */

struct task *task_self(void)
{
    return *pv_thread_data(pv_thread_self());
}

unsigned int task_uid(void)
{
    return task_self()->process->uid;
}

int task_pid(void)
{
    return task_self()->process->pid;
}

struct fd_table *task_fds(void)
{
    return task_self()->process->fds;
}

struct fs_state *task_fs(void)
{
    return &task_self()->process->fs;
}

struct process *process_find(int pid)
{
    struct process *process = processes;

    while (process && process->pid != pid)
        process = process->next;
    return process;
}

/* ---- the CPU's state ---- */

static void set_fs_base(uintptr_t base)
{
    if (fsgsbase)
        __asm__ volatile("wrfsbase %0" :: "r"(base));
    else
        pv_hypercall(__HYPERVISOR_set_segment_base, SEGBASE_FS, base, 0, 0, 0);
}

/* With WRFSBASE a program may have changed it without a system call. */
static void save_fs_base(struct task *task)
{
    if (fsgsbase)
        __asm__ volatile("rdfsbase %0" : "=r"(task->fs_base));
}

static void find_fsgsbase(void)
{
    uint32_t a = 7, b, c = 0, d;
    uint64_t cr4;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(b & 1))
        return;
    /* Enables WRFSBASE. Xen emulates both instructions, and sets the bit only if the domain may have it. */
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4" :: "r"(cr4 | 1UL << 16));
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    fsgsbase = cr4 >> 16 & 1;
}

void task_use_space(struct space *space)
{
    pv_root_use(space ? space->root : pv_kernel_root, space ? space->user : NULL);
}

/* When a kernel thread runs, the last task's state stays in the CPU. */
static void switched(struct pv_thread *from, struct pv_thread *to)
{
    struct task *task = *pv_thread_data(to);

    turn_ends = 0;
    if (!task || task == loaded)
        return;
    if (loaded) {
        __asm__ volatile("fxsave64 (%0)" :: "r"(loaded->fpu) : "memory");
        save_fs_base(loaded);
    }
    if (!loaded || loaded->process->space != task->process->space)
        task_use_space(task->process->space);
    pv_hypercall(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, pv_thread_stack_top(to), 0, 0, 0);
    __asm__ volatile("fxrstor64 (%0)" :: "r"(task->fpu) : "memory");
    set_fs_base(task->fs_base);
    loaded = task;
}

/* ---- sleeping ---- */

bool task_signalled(void)
{
    struct task *task = task_self();

    return task && (task->process->ending || signal_pending(task));
}

int task_wait(struct pv_queue *queue, uint64_t until)
{
    bool late;

    if (task_signalled())
        return -PV_EINTR;
    late = pv_queue_wait(queue, until);
    if (task_signalled())
        return -PV_EINTR;
    return late ? -PV_ETIMEDOUT : 0;
}

/* ---- the way back to user mode ---- */

/* Sets the timer that interrupts user mode. */
static void arm_timer(void)
{
    uint64_t until = pv_next_deadline();

    if (pv_others_ready()) {
        /* Only once in a turn: reading the clock may trap, and system calls must not lengthen the turn. */
        if (!turn_ends)
            turn_ends = pv_clock() + SLICE;
        until = until < turn_ends ? until : turn_ends;
    }
    pv_timer_arm(until);
}

static void leave_kernel(struct task *task, struct pv_frame *frame)
{
    pv_events_dispatch();
    while (task->process->ending || signal_pending(task)) {
        if (task->process->ending)
            task_exit();
        signal_deliver(task, frame);
    }
    if (task->restore_blocked) {
        task->blocked = task->restore_mask;
        task->restore_blocked = false;
        if (signal_pending(task))
            signal_deliver(task, frame);
        if (task->process->ending)
            task_exit();
    }
    arm_timer();
    frame->cs = FLAT_USER_CS64;
    frame->ss = FLAT_USER_SS64;
    frame->rflags = (frame->rflags & 0x250dd5UL) | 0x202; /* NT and IOPL cleared, interrupts enabled */
}

/* The access is allowed, but there is no page: it is behind a file's end, or there is no memory. */
static void no_page(const struct process *process, uintptr_t va)
{
    if (!pv_pages_free())
        pv_log("%s (%d): out of memory: no page for %lx", process->name, process->pid, va);
    signal_fault(MICRO_SIGBUS, 1, va);
}

static void page_fault(struct task *task, struct pv_frame *frame, uint64_t cr2)
{
    struct space *space = task->process->space;
    bool write = frame->error & PV_FAULT_WRITE, exec = frame->error & PV_FAULT_EXEC;

    if (space_fault(space, cr2, write, exec))
        return;
    if (space_allows(space, cr2, write, exec))
        no_page(task->process, cr2);
    else
        signal_fault(MICRO_SIGSEGV, 1, cr2);
}

static void fault(struct pv_frame *frame)
{
    static const struct { uint8_t trap, number; } signals[] = {
        { 0, MICRO_SIGFPE }, { 1, MICRO_SIGTRAP }, { 3, MICRO_SIGTRAP }, { 6, MICRO_SIGILL },
        { 16, MICRO_SIGFPE }, { 17, MICRO_SIGBUS }, { 19, MICRO_SIGFPE },
    };
    int number = MICRO_SIGSEGV;

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (signals[i].trap == frame->number)
            number = signals[i].number;
    signal_fault(number, 1, frame->rip);
}

static void from_user(struct pv_frame *frame, uint64_t cr2)
{
    struct task *task = task_self();

    task->frame = frame;
    switch (frame->number) {
    case PV_TRAP_SYSCALL:
        frame->rax = (uint64_t)syscall_dispatch(frame);
        break;
    case PV_TRAP_EVENT:
        pv_yield(); /* handles pending events, too */
        turn_ends = 0;
        break;
    case PV_TRAP_PAGE_FAULT:
        page_fault(task, frame, cr2);
        break;
    default:
        fault(frame);
    }
    leave_kernel(task, frame);
}

/* A copy from or to user memory touched a page that is not there yet. */
static bool kernel_fault(uintptr_t va, bool write, bool exec)
{
    struct task *task = task_self();

    return task && va < PV_USER_END && space_fault(task->process->space, va, write, exec);
}

/* For `xl sysrq`: logs where the tasks of each program are in its code. The layer has logged the kernel's stacks. */
static void show_programs(void)
{
    for (struct process *process = processes; process; process = process->next) {
        if (!process->tasks)
            continue;
        task_use_space(process->space);
        program_trace(process->tasks);
    }
    task_use_space(loaded ? loaded->process->space : NULL);
}

void task_init(void)
{
    find_fsgsbase();
    pv_on_show = show_programs;
    pv_on_switch = switched;
    pv_on_user = from_user;
    pv_on_fault = kernel_fault;
    pv_on_kernel_fault = user_memory_fault;
}

/* ---- the beginning ---- */

static void begin(void *arg)
{
    struct task *task = arg;
    struct pv_frame frame = *task->frame;

    pv_free(task->frame);
    task->frame = &frame;
    leave_kernel(task, &frame);
    pv_return_to_user(&frame);
}

static void *new_fpu(void)
{
    void *fpu = pv_alloc(FPU_SIZE); /* aligned to 16, as FXSAVE wants it */

    if (fpu) {
        *(uint16_t *)fpu = 0x37f;               /* FCW: what FNINIT sets */
        *(uint32_t *)((char *)fpu + 24) = 0x1f80; /* MXCSR: every exception masked */
    }
    return fpu;
}

static void free_task(struct task *task)
{
    pv_free(task->fpu);
    pv_free(task);
}

/* Makes a task that starts in user mode with this frame. from: the task whose FPU registers it gets, or NULL. */
static int new_task(struct process *process, const struct pv_frame *frame, struct task *from, int tid,
                    struct task **made)
{
    struct task *task = process->task_count < TASKS_MAX ? pv_alloc(sizeof(*task)) : NULL;

    if (!task)
        return -PV_EAGAIN;
    task->process = process;
    task->tid = tid;
    task->alt.flags = STACK_DISABLED;
    task->fpu = new_fpu();
    task->frame = pv_alloc(sizeof(*frame));
    if (task->fpu && task->frame) {
        *task->frame = *frame;
        if (from) {
            __asm__ volatile("fxsave64 (%0)" :: "r"(task->fpu) : "memory");
            save_fs_base(from);
            task->fs_base = from->fs_base;
            task->blocked = from->blocked;
        }
        task->thread = pv_thread_create(process->name, begin, task, KERNEL_STACK);
    }
    if (!task->thread) {
        pv_free(task->frame);
        free_task(task);
        return -PV_ENOMEM;
    }
    *pv_thread_data(task->thread) = task;
    task->next = process->tasks;
    process->tasks = task;
    process->task_count++;
    *made = task;
    return 0;
}

static struct process *new_process(int parent)
{
    struct process *process = pv_alloc(sizeof(*process));

    if (!process)
        return NULL;
    process->fds = pv_alloc(sizeof(*process->fds));
    if (!process->fds) {
        pv_free(process);
        return NULL;
    }
    process->pid = ++last_id;
    process->parent = parent;
    process->fs.umask = 022;
    return process;
}

static void free_process(struct process *process)
{
    pv_free(process->fds);
    pv_free(process);
}

static void set_name(struct process *process, const char *path)
{
    const char *name = path;

    for (; *path; path++)
        if (*path == '/')
            name = path + 1;
    pv_format(process->name, sizeof(process->name), "%s", name);
}

int process_start_first(const char *path, const char *const *argv, const char *const *envp)
{
    struct process *process = new_process(0);
    struct pv_frame frame = { .number = 0 };
    struct file *program = NULL;
    struct task *task;
    int rc = process ? node_open(path, O_RDONLY, &program) : -PV_ENOMEM;

    if (!rc) {
        set_name(process, path);
        rc = exec_load(program, path, argv, envp, &process->space, &frame);
        file_put(program);
    }
    if (!rc)
        rc = new_task(process, &frame, NULL, process->pid, &task);
    if (!rc)
        processes = process;
    return rc;
}

/* ---- clone ---- */

#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)

static long clone_thread(struct task *self, const struct pv_frame *frame, unsigned long flags,
                         const unsigned long a[6])
{
    struct task *task;
    int tid = ++last_id, rc;

    if (flags & CLONE_PARENT_SETTID && user_write(a[2], &tid, sizeof(tid)))
        return -PV_EFAULT;
    rc = new_task(self->process, frame, self, tid, &task);
    if (rc)
        return rc;
    if (flags & CLONE_SETTLS)
        task->fs_base = a[4];
    if (flags & CLONE_CHILD_CLEARTID)
        task->clear_tid = a[3];
    return tid;
}

static long fork_process(struct task *self, const struct pv_frame *frame)
{
    struct process *from = self->process, *process;
    struct task *task;
    int rc;

    /* Only root may fork: QEMU has nothing to start. */
    if (from->uid != MICRO_ROOT)
        return -PV_EPERM;
    process = new_process(from->pid);
    if (!process)
        return -PV_ENOMEM;
    process->uid = from->uid;
    process->gid = from->gid;
    pv_copy(process->actions, from->actions, sizeof(from->actions));
    pv_copy(process->name, from->name, sizeof(from->name));
    process->space = space_copy(from->space);
    rc = process->space ? new_task(process, frame, self, process->pid, &task) : -PV_ENOMEM;
    if (rc) {
        if (process->space)
            space_free(process->space);
        free_process(process);
        return rc;
    }
    fd_table_copy(process->fds, from->fds);
    fs_state_copy(&process->fs, &from->fs);
    task->alt = self->alt;
    process->next = processes;
    processes = process;
    return process->pid;
}

long sys_clone(const unsigned long a[6])
{
    struct task *self = task_self();
    struct pv_frame frame = *self->frame;
    unsigned long flags = a[0];

    frame.rax = 0;
    if (a[1])
        frame.rsp = a[1];
    if ((flags & THREAD_FLAGS) == THREAD_FLAGS)
        return clone_thread(self, &frame, flags, a);
    return flags == MICRO_SIGCHLD ? fork_process(self, &frame) : -PV_ENOSYS;
}

long sys_fork(const unsigned long a[6])
{
    struct pv_frame frame = *task_self()->frame;

    frame.rax = 0;
    return fork_process(task_self(), &frame);
}

/* ---- exec ---- */

#define ARGS_MAX 512
#define ARGS_BYTES (64 * 1024)

/* Copies a NULL-terminated array of strings: the pointers to list, the strings to *text. */
static int copy_strings(uintptr_t user, char **text, size_t *left, const char **list)
{
    size_t n;

    for (n = 0; n < ARGS_MAX; n++, user += sizeof(uintptr_t)) {
        uintptr_t string;
        long length;

        if (user_read(&string, user, sizeof(string)))
            return -PV_EFAULT;
        if (!string) {
            list[n] = NULL;
            return 0;
        }
        length = user_string(*text, string, *left);
        if (length < 0)
            return length == -PV_ENAMETOOLONG ? -PV_E2BIG : (int)length;
        list[n] = *text;
        *text += length + 1;
        *left -= (size_t)length + 1;
    }
    return -PV_E2BIG;
}

/* As on Linux, even root can run a file only if one of its bits allows it. */
static int check_program(struct file *program)
{
    struct stat st = { 0 };

    if (program->ops->stat)
        program->ops->stat(program, &st);
    return (st.st_mode & 0170000) == 0100000 && st.st_mode & 0111 ? 0 : -PV_EACCES;
}

struct exec_args { const char *argv[ARGS_MAX], *envp[ARGS_MAX]; char path[256], text[ARGS_BYTES]; };

static int replace_program(struct task *self, const struct exec_args *args, struct file *program)
{
    struct process *process = self->process;
    struct space *space, *old = process->space;
    int rc = exec_load(program, args->path, args->argv, args->envp, &space, self->frame);

    if (rc)
        return rc;
    aio_process_end();
    process->space = space;
    task_use_space(space);
    space_free(old);
    fd_table_close(process->fds, true);
    for (unsigned int i = 0; i < SIGNALS; i++)
        if (process->actions[i].handler != ACTION_IGNORE)
            process->actions[i] = (struct signal_action){ 0 };
    self->alt = (struct signal_stack){ .flags = STACK_DISABLED };
    self->clear_tid = self->fs_base = 0;
    set_fs_base(0);
    set_name(process, args->path);
    return 0;
}

long sys_execve(const unsigned long a[6])
{
    struct task *self = task_self();
    struct exec_args *args;
    struct file *program;
    size_t left = ARGS_BYTES;
    char *text;
    long rc;

    if (self->process->task_count > 1)
        return -PV_EOPNOTSUPP; /* its other tasks would have to end first; no program here execs with several */
    args = pv_alloc(sizeof(*args));
    if (!args)
        return -PV_ENOMEM;
    text = args->text;
    rc = user_string(args->path, a[0], sizeof(args->path));
    rc = rc < 0 ? rc : copy_strings(a[1], &text, &left, args->argv);
    rc = rc < 0 ? rc : copy_strings(a[2], &text, &left, args->envp);
    rc = rc < 0 ? rc : node_open(args->path, O_RDONLY, &program);
    if (!rc) {
        rc = check_program(program);
        if (!rc)
            rc = replace_program(self, args, program);
        file_put(program);
    }
    pv_free(args);
    return rc < 0 ? rc : (long)self->frame->rax;
}

/* ---- the end ---- */

void process_end(struct process *process, int status)
{
    if (process->ending)
        return;
    process->ending = true;
    process->status = status;
    for (struct task *task = process->tasks; task; task = task->next)
        pv_wake(task->thread);
}

static void unlink_task(struct task *task)
{
    struct task **at = &task->process->tasks;

    while (*at != task)
        at = &(*at)->next;
    *at = task->next;
    task->process->task_count--;
}

/* The process's last task has ended. */
static void close_process(struct process *process)
{
    struct process *parent = process_find(process->parent);
    struct signal_info info = { .number = MICRO_SIGCHLD, .sender = process->pid, .status = process->status };

    if (process->pid == 1)
        pv_panic("the launcher ended, status %x", (unsigned int)process->status);
    process->ended = true;
    if (!parent)
        return;
    signal_send_process(parent, &info);
    pv_queue_wake(&parent->children);
}

void task_exit(void)
{
    struct task *task = task_self();
    struct process *process = task->process;
    int none = 0;

    if (task->clear_tid && !user_write(task->clear_tid, &none, sizeof(none)))
        futex_wake_all(task->clear_tid);
    if (process->task_count == 1) {
        aio_process_end();
        fd_table_close(process->fds, false);
        fs_state_close(&process->fs);
    }
    unlink_task(task);
    *pv_thread_data(pv_thread_self()) = NULL;
    if (loaded == task)
        loaded = NULL;
    if (!process->tasks) {
        task_use_space(NULL);
        space_free(process->space);
        process->space = NULL;
        close_process(process);
    }
    free_task(task);
    pv_thread_exit();
}

long sys_exit(const unsigned long a[6])
{
    struct process *process = task_self()->process;

    if (process->task_count == 1)
        process_end(process, (int)(a[0] & 0xff) << 8);
    task_exit();
}

long sys_exit_group(const unsigned long a[6])
{
    process_end(task_self()->process, (int)(a[0] & 0xff) << 8);
    task_exit();
}

static void reap(struct process *process)
{
    struct process **at = &processes;

    while (*at != process)
        at = &(*at)->next;
    *at = process->next;
    free_process(process);
}

/* A child that has ended, or NULL. *any: there are children. */
static struct process *find_ended(int parent, int pid, bool *any)
{
    *any = false;
    for (struct process *process = processes; process; process = process->next) {
        if (process->parent != parent || (pid != -1 && process->pid != pid))
            continue;
        *any = true;
        if (process->ended)
            return process;
    }
    return NULL;
}

long sys_wait4(const unsigned long a[6])
{
    struct process *self = task_self()->process, *child;
    int pid = (int)a[0], rc;
    bool any;

    if (a[2] & ~(unsigned long)(WNOHANG | WUNTRACED) || (pid <= 0 && pid != -1))
        return -PV_EINVAL;
    while (!(child = find_ended(self->pid, pid, &any))) {
        if (!any)
            return -10; /* ECHILD */
        if (a[2] & WNOHANG)
            return 0;
        rc = task_wait(&self->children, PV_FOREVER);
        if (rc)
            return rc;
    }
    if (a[1] && user_write(a[1], &child->status, sizeof(child->status)))
        return -PV_EFAULT;
    pid = child->pid;
    reap(child);
    return pid;
}

/* ---- who am I ---- */

long sys_getpid(const unsigned long a[6]) { return task_self()->process->pid; }
long sys_getppid(const unsigned long a[6]) { return task_self()->process->parent; }
long sys_gettid(const unsigned long a[6]) { return task_self()->tid; }
long sys_getuid(const unsigned long a[6]) { return task_self()->process->uid; }
long sys_geteuid(const unsigned long a[6]) { return task_self()->process->uid; }
long sys_getgid(const unsigned long a[6]) { return task_self()->process->gid; }
long sys_getegid(const unsigned long a[6]) { return task_self()->process->gid; }

/* Sets real, effective and saved id, which must be the same: a process has only one. */
static long set_ids(unsigned int *id, const unsigned long a[6])
{
    struct process *self = task_self()->process;

    if (a[0] != a[1] || a[0] != a[2])
        return -PV_EINVAL;
    if (self->uid != MICRO_ROOT && a[0] != *id)
        return -PV_EPERM;
    *id = (unsigned int)a[0];
    return 0;
}

long sys_setresuid(const unsigned long a[6]) { return set_ids(&task_self()->process->uid, a); }
long sys_setresgid(const unsigned long a[6]) { return set_ids(&task_self()->process->gid, a); }

/* Supplementary groups do not exist: only "none" can be set. */
long sys_setgroups(const unsigned long a[6])
{
    return a[0] ? -PV_EINVAL : task_uid() == MICRO_ROOT ? 0 : -PV_EPERM;
}

long sys_set_tid_address(const unsigned long a[6])
{
    task_self()->clear_tid = a[0];
    return task_self()->tid;
}

long sys_arch_prctl(const unsigned long a[6])
{
    struct task *task = task_self();

    if (a[0] == ARCH_SET_FS) {
        if (a[1] >= PV_USER_END)
            return -PV_EPERM;
        task->fs_base = a[1];
        set_fs_base(a[1]);
        return 0;
    }
    if (a[0] == ARCH_GET_FS) {
        save_fs_base(task);
        return user_write(a[1], &task->fs_base, sizeof(task->fs_base));
    }
    return -PV_EINVAL;
}

#define MICRO_PR_SET_NAME 15
#define MICRO_PR_SET_NO_NEW_PRIVS 38
#define MICRO_PR_SET_TIMERSLACK 29

/*
 * Accepted and ignored: names of threads, "no new privileges" (they never grow here), timer slack (timers are exact).
 */
long sys_prctl(const unsigned long a[6])
{
    switch (a[0]) {
    case MICRO_PR_SET_NAME:
    case MICRO_PR_SET_NO_NEW_PRIVS:
    case MICRO_PR_SET_TIMERSLACK:
        return 0;
    default:
        return -PV_EINVAL;
    }
}

long sys_sched_yield(const unsigned long a[6])
{
    pv_yield();
    return 0;
}

/* One CPU. */
long sys_sched_getaffinity(const unsigned long a[6])
{
    uint64_t mask = 1;

    if (a[1] < sizeof(mask))
        return -PV_EINVAL;
    return user_write(a[2], &mask, sizeof(mask)) ?: (long)sizeof(mask);
}

#define RLIMIT_NOFILE_ 7

long sys_prlimit64(const unsigned long a[6])
{
    uint64_t limit[2] = { UINT64_MAX, UINT64_MAX };

    if (a[2])
        return -PV_EPERM; /* the limits are the kernel's own */
    if (a[1] == RLIMIT_NOFILE_)
        limit[0] = limit[1] = MICRO_FDS;
    return a[3] ? user_write(a[3], limit, sizeof(limit)) : 0;
}

#define REBOOT_HALT 0xcdef0123u
#define REBOOT_POWER_OFF 0x4321fedcu

long sys_reboot(const unsigned long a[6])
{
    if (task_uid() != MICRO_ROOT)
        return -PV_EPERM;
    /* The C library passes an int, with its sign extended. */
    if ((uint32_t)a[2] != REBOOT_HALT && (uint32_t)a[2] != REBOOT_POWER_OFF)
        return -PV_EINVAL;
    pv_power_off();
}
