/* threads.h - inside the room: the threads that a driver starts, each put on a core of its own. */
#ifndef SS_DEVICE_THREADS_H
#define SS_DEVICE_THREADS_H

#include <stddef.h>
#include <sys/types.h>

enum { SS_MOST_THREADS = 1024 };

/** Threads of this process, by rising id; n = 0: not to be known here. */
struct ss_threads {
    size_t n;
    pid_t ids[SS_MOST_THREADS];
};

void ss_threads_list(struct ss_threads *out);

/** Give each thread that has come since `before` one of the cores that this process may use, if there are as
 * many of them as cores: fewer share the machine with others, and stay free to move. */
void ss_threads_spread(const struct ss_threads *before);

/** The one core of those that this thread may use that no other thread has to itself; -1: none, or several.
 */
int ss_threads_left_core(void);

/** Keep this thread on `core` until it is let go; what it may use afterwards is what it might before. */
void ss_threads_keep(int core);
void ss_threads_let_go(void);

#endif
