/* fuzz_net_frame.c: any bytes from a peer into net_frame_read, frame after frame until it ends. */
#include "lib/base/net.h"
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    int pair[2];
    struct net_frame frame;
    volatile guint8 sum = 0;
    if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return 0;
    if (size > 0 && write(pair[0], data, size) != (ssize_t)size)
        g_error("the socket took less than it should");
    close(pair[0]);
    while (net_frame_read(pair[1], 65536, 1000, &frame, NULL)) {
        gsize length;
        const guint8 *payload = g_bytes_get_data(frame.payload, &length);
        for (gsize i = 0; i < length; i++)
            sum = (guint8)(sum + payload[i]);
        net_frame_clear(&frame);
    }
    close(pair[1]);
    return 0;
}
