/* A ring buffer for one producer and one consumer, without locks. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define SIZE 1024 /* a power of two, so that the remainder is a mask */

struct ring {
    _Atomic size_t head;
    _Atomic size_t tail;
    unsigned char bytes[SIZE];
};

/* Head and tail only grow; their difference is how much lies in the buffer, also after they wrap. */
static size_t ring_used(struct ring *r) {
    return atomic_load(&r->head) - atomic_load(&r->tail);
}

/* Gives back false when it is full: what reads the sensor drops the sample and counts it. */
bool ring_put(struct ring *r, unsigned char byte) {
    if (ring_used(r) == SIZE) return false;
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    r->bytes[head & (SIZE - 1)] = byte;
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return true;
}

/* The release above and the acquire here make the byte visible before the index that announces it. */
bool ring_get(struct ring *r, unsigned char *byte) {
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (head == tail) return false;
    *byte = r->bytes[tail & (SIZE - 1)];
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return true;
}
