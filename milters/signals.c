/* signals.c: keeps signals away from libmilter.
 *
 * smfi_main starts a thread that waits for SIGHUP, SIGTERM and SIGINT with sigwait() and, on any of them,
 * stops the milter at once: listening socket closed, idle sessions dropped. There is no option against it,
 * and a thread in sigwait() is served before the signalfd of daemon_wait. So this program has its own
 * sigwait(), which the dynamic linker gives to libmilter as well: it waits for ever. Our own code does not
 * use sigwait(). (sendmail 8.17, libmilter/signal.c, mi_signal_thread.) */
#include <signal.h>
#include <unistd.h>

int
sigwait(const sigset_t *set, int *sig)
{
    (void)set, (void)sig;
    for (;;)
        pause();
}
