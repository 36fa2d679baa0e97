/* list.h - intrusive, circular, doubly linked list: O(1) everywhere, no allocation. */
#ifndef BASE_LIST_H
#define BASE_LIST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A head, or the link embedded in a member. A link not in a list points to itself, so removing it again is harmless. */
struct list {
    struct list *next, *prev;
};

/* The object of the given type whose field is at ptr; does not compile where ptr has another type than the field.
 * Through an integer, so that one macro serves const and other objects. */
#define container_of(ptr, type, field) ((type *)((uintptr_t)(1 ? (ptr) : &((type *)0)->field) - offsetof(type, field)))

/* Walks the members; the current one may be removed and freed in the body. cursor and next are struct list pointers. */
#define LIST_EACH(cursor, after, head)                                                                                 \
    for ((cursor) = (head)->next, (after) = (cursor)->next; (cursor) != (head);                                        \
         (cursor) = (after), (after) = (cursor)->next)

/* For heads and links alike. */
static inline void list_init(struct list *link)
{
    link->next = link;
    link->prev = link;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

/* True while the link is in a list. */
static inline bool list_is_linked(const struct list *link)
{
    return link->next != link;
}

/* link must not be in a list. */
static inline void list_insert_before(struct list *place, struct list *link)
{
    link->prev = place->prev;
    link->next = place;
    place->prev->next = link;
    place->prev = link;
}

static inline void list_push_back(struct list *head, struct list *link)
{
    list_insert_before(head, link);
}

static inline void list_push_front(struct list *head, struct list *link)
{
    list_insert_before(head->next, link);
}

static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* The first link, or NULL when the list is empty. */
static inline struct list *list_first(const struct list *head)
{
    return head->next == head ? NULL : head->next;
}

/* Removes and returns the first link, or NULL when the list is empty. */
static inline struct list *list_take_first(struct list *head)
{
    struct list *first = list_first(head);
    if (first)
        list_remove(first);
    return first;
}

#endif
