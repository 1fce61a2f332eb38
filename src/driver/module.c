/*
 * module.c - part of every driver module: lets the program that loads it put its allocator in.
 *
 * A module carries its own copy of util/, and with it its own allocator switch. But memory crosses the border: a driver
 * fills arenas that the engine frees. So the registry, after dlopen, calls this with its own wb_alloc and wb_free; then
 * a host's allocator serves the module too, and the tests count and fail its allocations like all others.
 * Not part of a build with built-in drivers.
 */
#include "util/util.h"

__attribute__((visibility("default"))) void wb_module_alloc_set(void *(*alloc)(size_t), void (*release)(void *));

/* Once: a second handle is opened while the module may be at work for the first one. */
void wb_module_alloc_set(void *(*alloc)(size_t), void (*release)(void *))
{
    static void *(*known)(size_t);
    if (known != alloc)
        wb_alloc_set(alloc, release);
    known = alloc;
}
