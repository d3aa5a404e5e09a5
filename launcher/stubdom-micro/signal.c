/*
 * Signals, as far as programs here use them: sent by a task to itself or to another one, raised by a fault, and waited
 * for. The frames on the program's stack are those of Linux on x86-64.
 *
 * Source: arch/x86/include/uapi/asm/sigcontext.h and ucontext.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "task.h"

#define UNBLOCKABLE (SIGNAL_BIT(MICRO_SIGKILL) | SIGNAL_BIT(MICRO_SIGSTOP))
#define IGNORED_BY_DEFAULT \
    (SIGNAL_BIT(MICRO_SIGCHLD) | SIGNAL_BIT(MICRO_SIGCONT) | SIGNAL_BIT(MICRO_SIGURG) | SIGNAL_BIT(MICRO_SIGWINCH))

enum { ON_STACK = 0x08000000, RESTART = 0x10000000, NO_DEFER = 0x40000000, RESET = (int)0x80000000,
       HAS_RESTORER = 0x04000000 };

struct sig_context {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t error, trap, old_mask, cr2;
    uint64_t fpu; /* where on the stack FXSAVE's 512 bytes are */
    uint64_t reserved[8];
};

struct sig_frame {
    uint64_t restorer;
    /* struct ucontext */
    uint64_t flags, link;
    struct signal_stack stack;
    struct sig_context context;
    uint64_t mask;
    /* siginfo_t */
    int32_t info[32];
};
_Static_assert(sizeof(struct sig_context) == 256 && sizeof(struct sig_frame) == 8 + 16 + 24 + 256 + 8 + 128,
               "as Linux lays it out");

static bool is_ignored(const struct process *process, int number)
{
    uintptr_t handler = process->actions[number - 1].handler;

    return handler == ACTION_IGNORE || (handler == ACTION_DEFAULT && SIGNAL_BIT(number) & IGNORED_BY_DEFAULT);
}

bool signal_pending(struct task *task)
{
    return (task->pending | task->process->pending) & ~task->blocked;
}

/* A blocked signal is kept even if it is ignored: a signalfd may wait for it. */
void signal_send_task(struct task *task, const struct signal_info *info)
{
    if (is_ignored(task->process, info->number) && !(task->blocked & SIGNAL_BIT(info->number)))
        return;
    task->pending |= SIGNAL_BIT(info->number);
    task->process->info[info->number - 1] = *info;
    pv_wake(task->thread);
    signalfd_changed(task->process);
}

void signal_send_process(struct process *process, const struct signal_info *info)
{
    uint64_t bit = SIGNAL_BIT(info->number);
    struct task *task = process->tasks;

    while (task && task->blocked & bit)
        task = task->next;
    if (task && is_ignored(process, info->number))
        return;
    process->pending |= bit;
    process->info[info->number - 1] = *info;
    for (task = process->tasks; task; task = task->next)
        pv_wake(task->thread);
    signalfd_changed(process);
}

int signal_take(struct task *task, uint64_t mask, struct signal_info *info)
{
    uint64_t found = (task->pending | task->process->pending) & mask;
    int number = found ? __builtin_ctzl(found) + 1 : 0;

    if (!number)
        return 0;
    if (task->pending & SIGNAL_BIT(number))
        task->pending &= ~SIGNAL_BIT(number);
    else
        task->process->pending &= ~SIGNAL_BIT(number);
    *info = task->process->info[number - 1];
    return number;
}

void task_raise(int number)
{
    struct task *task = task_self();
    struct signal_info info = { .number = number, .sender = task->process->pid };

    signal_send_task(task, &info);
}

/* The signals for which Linux writes a core file. */
#define TRACED \
    (SIGNAL_BIT(MICRO_SIGQUIT) | SIGNAL_BIT(MICRO_SIGILL) | SIGNAL_BIT(MICRO_SIGTRAP) | SIGNAL_BIT(MICRO_SIGABRT) | \
     SIGNAL_BIT(MICRO_SIGBUS) | SIGNAL_BIT(MICRO_SIGFPE) | SIGNAL_BIT(MICRO_SIGSEGV) | SIGNAL_BIT(MICRO_SIGSYS))

static void kill_process(struct task *task, int number)
{
    struct pv_frame *frame = task->frame;

    pv_log("%s (%d): ended by signal %d at %lx, stack %lx, address %lx", task->process->name, task->process->pid,
           number, frame->rip, frame->rsp, task->process->info[number - 1].address);
    if (SIGNAL_BIT(number) & TRACED)
        program_trace(task);
    process_end(task->process, number);
}

/* If the signal is blocked or ignored, the process ends: the fault would come again for ever. */
void signal_fault(int number, int code, uintptr_t address)
{
    struct task *task = task_self();
    struct signal_info info = { .number = number, .code = code, .address = address };

    task->process->info[number - 1] = info;
    if (task->blocked & SIGNAL_BIT(number) || is_ignored(task->process, number))
        kill_process(task, number);
    else
        task->pending |= SIGNAL_BIT(number);
}

/* ---- delivery ---- */

static void fill_context(struct sig_context *c, const struct pv_frame *f)
{
    *c = (struct sig_context){
        .r8 = f->r8, .r9 = f->r9, .r10 = f->r10, .r11 = f->r11, .r12 = f->r12, .r13 = f->r13, .r14 = f->r14,
        .r15 = f->r15, .rdi = f->rdi, .rsi = f->rsi, .rbp = f->rbp, .rbx = f->rbx, .rdx = f->rdx, .rax = f->rax,
        .rcx = f->rcx, .rsp = f->rsp, .rip = f->rip, .rflags = f->rflags, .cs = 0x33, .ss = 0x2b,
        .error = f->error, .trap = f->number < 32 ? f->number : 0,
    };
}

static bool on_alt_stack(const struct task *task, uintptr_t sp)
{
    return !(task->alt.flags & STACK_DISABLED) && sp - task->alt.base <= task->alt.size;
}

static uint64_t mask_to_save(const struct task *task)
{
    return task->restore_blocked ? task->restore_mask : task->blocked;
}

/*
 * Pushes the handler's frame below the part of the stack in use, which includes the red zone. False: the stack cannot
 * be written.
 */
static bool push_frame(struct task *task, struct pv_frame *frame, const struct signal_action *action,
                       const struct signal_info *info, uintptr_t *sp, uintptr_t *fpu)
{
    uintptr_t top = frame->rsp - 128;
    struct sig_frame out = { .restorer = action->restorer, .stack = task->alt, .mask = mask_to_save(task) };
    char state[512] __attribute__((aligned(16)));

    if (action->flags & ON_STACK && !(task->alt.flags & STACK_DISABLED) && !on_alt_stack(task, frame->rsp))
        top = task->alt.base + task->alt.size;
    *fpu = (top - sizeof(state)) & ~63UL;
    *sp = ((*fpu - sizeof(out)) & ~15UL) - 8;
    fill_context(&out.context, frame);
    out.context.fpu = *fpu;
    out.context.cr2 = info->address;
    out.info[0] = info->number;
    out.info[2] = info->code;
    if (info->address)
        pv_copy(&out.info[4], &info->address, sizeof(info->address));
    else
        pv_copy(&out.info[4], (int32_t[]){ info->sender, (int32_t)info->uid, info->status }, 12);
    __asm__ volatile("fxsave64 %0" : "=m"(state));
    return !user_write(*fpu, state, sizeof(state)) && !user_write(*sp, &out, sizeof(out));
}

static bool run_handler(struct task *task, struct pv_frame *frame, const struct signal_action *action,
                        const struct signal_info *info)
{
    uintptr_t sp, fpu;

    if (!(action->flags & HAS_RESTORER) || action->handler >= PV_USER_END ||
        !push_frame(task, frame, action, info, &sp, &fpu))
        return false;
    frame->rsp = sp;
    frame->rip = action->handler;
    frame->rdi = (uint64_t)info->number;
    frame->rsi = sp + __builtin_offsetof(struct sig_frame, info);
    frame->rdx = sp + __builtin_offsetof(struct sig_frame, flags);
    frame->rax = 0;
    frame->rflags &= ~0x400UL; /* DF, as the ABI wants it */
    frame->number = PV_TRAP_EVENT; /* not a system call any more: all registers are restored */
    task->restore_blocked = false;
    task->blocked |= action->mask & ~UNBLOCKABLE;
    if (!(action->flags & NO_DEFER))
        task->blocked |= SIGNAL_BIT(info->number);
    return true;
}

/* Whether SA_RESTART applies to this call. It never does to poll() and sleeps. */
static bool is_restartable(uint64_t number)
{
    switch (number) {
    case __NR_read: case __NR_write: case __NR_readv: case __NR_writev: case __NR_futex: case __NR_wait4:
    case __NR_accept: case __NR_accept4: case __NR_recvmsg: case __NR_sendmsg: case __NR_recvfrom:
    case __NR_sendto: case __NR_ioctl: case __NR_open: case __NR_openat:
        return true;
    default:
        return false;
    }
}

static void restart_call(struct pv_frame *frame, const struct signal_action *action)
{
    if (frame->number != PV_TRAP_SYSCALL || (int64_t)frame->rax != -PV_EINTR)
        return;
    /* frame->error is the call's number (syscall_dispatch()) */
    if (action->flags & RESTART && is_restartable(frame->error)) {
        frame->rax = frame->error;
        frame->rip -= 2;
    }
}

void signal_deliver(struct task *task, struct pv_frame *frame)
{
    struct signal_action action;
    struct signal_info info;
    int number = signal_take(task, ~task->blocked, &info);

    if (!number)
        return;
    action = task->process->actions[number - 1];
    if (is_ignored(task->process, number))
        return;
    if (action.handler == ACTION_DEFAULT || number == MICRO_SIGKILL) {
        kill_process(task, number);
        return;
    }
    restart_call(frame, &action);
    if (action.flags & (uint64_t)(uint32_t)RESET)
        task->process->actions[number - 1] = (struct signal_action){ 0 };
    if (!run_handler(task, frame, &action, &info))
        kill_process(task, MICRO_SIGSEGV);
}

/* ---- system calls ---- */

static bool restore_fpu(uintptr_t from)
{
    char state[512] __attribute__((aligned(16)));
    uint32_t mask;

    __asm__ volatile("fxsave64 %0" : "=m"(state));
    pv_copy(&mask, state + 28, sizeof(mask));
    if (user_read(state, from, sizeof(state)))
        return false;
    /* FXRSTOR would fault in the kernel if MXCSR had a reserved bit set. */
    *(uint32_t *)(state + 24) &= mask ? mask : 0xffbf;
    __asm__ volatile("fxrstor64 %0" :: "m"(state));
    return true;
}

long sys_rt_sigreturn(const unsigned long a[6])
{
    struct task *task = task_self();
    struct pv_frame *f = task->frame;
    struct sig_context c;
    struct sig_frame in;

    if (user_read(&in, f->rsp - 8, sizeof(in)) || (in.context.fpu && !restore_fpu(in.context.fpu)) ||
        in.context.rip >= PV_USER_END) {
        kill_process(task, MICRO_SIGSEGV);
        return -PV_EFAULT;
    }
    c = in.context;
    f->r8 = c.r8, f->r9 = c.r9, f->r10 = c.r10, f->r11 = c.r11, f->r12 = c.r12, f->r13 = c.r13;
    f->r14 = c.r14, f->r15 = c.r15, f->rdi = c.rdi, f->rsi = c.rsi, f->rbp = c.rbp, f->rbx = c.rbx;
    f->rdx = c.rdx, f->rcx = c.rcx, f->rsp = c.rsp, f->rip = c.rip, f->rflags = c.rflags;
    f->number = PV_TRAP_EVENT;
    task->blocked = in.mask & ~UNBLOCKABLE;
    return (long)c.rax;
}

long sys_rt_sigaction(const unsigned long a[6])
{
    struct process *process = task_self()->process;
    struct signal_action action;
    unsigned long number = a[0];

    if (number < 1 || number > SIGNALS || a[3] != sizeof(uint64_t))
        return -PV_EINVAL;
    if (a[1] && (user_read(&action, a[1], sizeof(action))))
        return -PV_EFAULT;
    if (a[2] && user_write(a[2], &process->actions[number - 1], sizeof(action)))
        return -PV_EFAULT;
    if (!a[1])
        return 0;
    if (SIGNAL_BIT(number) & UNBLOCKABLE)
        return -PV_EINVAL;
    process->actions[number - 1] = action;
    return 0;
}

enum { BLOCK, UNBLOCK, SETMASK };

long sys_rt_sigprocmask(const unsigned long a[6])
{
    struct task *task = task_self();
    uint64_t set, old = task->blocked;

    if (a[3] != sizeof(set) || (a[1] && a[0] > SETMASK))
        return -PV_EINVAL;
    if (a[1]) {
        if (user_read(&set, a[1], sizeof(set)))
            return -PV_EFAULT;
        set &= ~UNBLOCKABLE;
        task->blocked = a[0] == BLOCK ? old | set : a[0] == UNBLOCK ? old & ~set : set;
    }
    return a[2] ? user_write(a[2], &old, sizeof(old)) : 0;
}

long sys_rt_sigpending(const unsigned long a[6])
{
    struct task *task = task_self();
    uint64_t pending = (task->pending | task->process->pending) & task->blocked;

    return a[1] != sizeof(pending) ? -PV_EINVAL : user_write(a[0], &pending, sizeof(pending));
}

int task_swap_sigmask(const uint64_t *mask, uint64_t *old)
{
    struct task *task = task_self();

    if (old)
        *old = task->blocked;
    if (mask)
        task->blocked = *mask & ~UNBLOCKABLE;
    return 0;
}

/* The handler runs with the mask of the wait, and returns to the old mask. */
void task_restore_sigmask_later(uint64_t old)
{
    struct task *task = task_self();

    task->restore_mask = old;
    task->restore_blocked = true;
}

long sys_rt_sigsuspend(const unsigned long a[6])
{
    struct pv_queue nobody = { NULL };
    uint64_t mask, old;

    if (a[1] != sizeof(mask))
        return -PV_EINVAL;
    if (user_read(&mask, a[0], sizeof(mask)))
        return -PV_EFAULT;
    task_swap_sigmask(&mask, &old);
    task_restore_sigmask_later(old);
    while (task_wait(&nobody, PV_FOREVER) != -PV_EINTR)
        ;
    return -PV_EINTR;
}

long sys_pause(const unsigned long a[6])
{
    struct pv_queue nobody = { NULL };

    while (task_wait(&nobody, PV_FOREVER) != -PV_EINTR)
        ;
    return -PV_EINTR;
}

long sys_rt_sigtimedwait(const unsigned long a[6])
{
    struct task *task = task_self();
    struct signal_info info;
    uint64_t mask, until;
    int32_t out[32] = { 0 };
    int number, rc = 0;
    bool late = false;

    if (a[3] != sizeof(mask))
        return -PV_EINVAL;
    if (user_read(&mask, a[0], sizeof(mask)))
        return -PV_EFAULT;
    until = time_from_user(a[2], &rc);
    if (rc)
        return rc;
    while (!(number = signal_take(task, mask & ~UNBLOCKABLE, &info))) {
        if (task_signalled())
            return -PV_EINTR;
        if (late)
            return -PV_EAGAIN;
        late = pv_sleep(until);
    }
    out[0] = number;
    out[2] = info.code;
    out[4] = info.sender;
    return a[1] && user_write(a[1], out, sizeof(out)) ? -PV_EFAULT : number;
}

long sys_sigaltstack(const unsigned long a[6])
{
    struct task *task = task_self();
    struct signal_stack set, old = task->alt;
    bool in_use = on_alt_stack(task, task->frame->rsp);

    if (a[0] && user_read(&set, a[0], sizeof(set)))
        return -PV_EFAULT;
    if (in_use)
        old.flags |= STACK_IN_USE;
    if (a[1] && user_write(a[1], &old, sizeof(old)))
        return -PV_EFAULT;
    if (!a[0])
        return 0;
    if (in_use)
        return -PV_EPERM;
    if (set.flags & ~(STACK_DISABLED | STACK_IN_USE))
        return -PV_EINVAL;
    if (!(set.flags & STACK_DISABLED) && (set.size < 2048 || set.base + set.size < set.base))
        return -PV_ENOMEM;
    set.flags &= STACK_DISABLED;
    task->alt = set;
    return 0;
}

static bool may_signal(const struct process *process)
{
    struct process *self = task_self()->process;

    return self->uid == MICRO_ROOT || self->uid == process->uid;
}

static long send_to_task(int pid, int tid, int number)
{
    struct signal_info info = { .number = number, .code = -6 /* SI_TKILL */, .sender = task_self()->process->pid };

    if (number < 0 || number > SIGNALS)
        return -PV_EINVAL;
    for (struct process *process = processes; process; process = process->next)
        for (struct task *task = process->tasks; task; task = task->next) {
            if (task->tid != tid || (pid && process->pid != pid))
                continue;
            if (!may_signal(process))
                return -PV_EPERM;
            if (number)
                signal_send_task(task, &info);
            return 0;
        }
    return -PV_ESRCH;
}

long sys_tkill(const unsigned long a[6]) { return send_to_task(0, (int)a[0], (int)a[1]); }
long sys_tgkill(const unsigned long a[6]) { return send_to_task((int)a[0], (int)a[1], (int)a[2]); }

long sys_kill(const unsigned long a[6])
{
    struct process *process = process_find((int)a[0]);
    struct signal_info info = { .number = (int)a[1], .sender = task_self()->process->pid };

    if (a[1] > SIGNALS)
        return -PV_EINVAL;
    if (!process || process->ended)
        return -PV_ESRCH;
    if (!may_signal(process))
        return -PV_EPERM;
    if (info.number)
        signal_send_process(process, &info);
    return 0;
}
