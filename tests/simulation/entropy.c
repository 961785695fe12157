/* What is random about a process besides its seed: the keys that the standard library hashes with,
   from which tokio takes the order in which it wakes those who wait. Here they are always the same.
   For simulations only, loaded before the C library with LD_PRELOAD. */

#include <stddef.h>
#include <string.h>
#include <sys/types.h>

ssize_t getrandom(void *buffer, size_t length, unsigned int flags)
{
    (void)flags;
    memset(buffer, 7, length);
    return (ssize_t)length;
}

int getentropy(void *buffer, size_t length)
{
    memset(buffer, 7, length);
    return 0;
}
