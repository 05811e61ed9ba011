"""The compiled steps that keep the memory: posts come in, leave, and are muted."""

from worker.compiled import compiled
from worker.memory_state import (
    ALL,
    ANY_POST,
    AUTHOR,
    FIRST_OUT,
    FIRST_TOKEN,
    FREE_POSTS,
    HELD,
    LAST_IN,
    NONE,
    ORIGINAL,
    Batch,
    Floats,
    Ints,
    Keys,
    Longs,
    State,
)

MOST_STEPS = 1_024  # cells that one step passes by: a bound on its time, past it order is rough
HOUR = 3_600.0  # seconds


@compiled
def place_of(keys: Longs, places: Ints, key: int) -> int:
    """Return where a key is in the table, or the free place where it would be."""
    mask = len(places) - 1
    place = key & mask
    while places[place] != NONE and keys[places[place]] != key:
        place = (place + 1) & mask
    return int(place)


@compiled
def find_slots(keys: Longs, places: Ints, wanted: Longs, out: Ints) -> None:
    """Set `out` to the slots of keys, none where a key is not in use."""
    for row in range(len(wanted)):
        out[row] = places[place_of(keys, places, wanted[row])]


@compiled
def _forget_place(keys: Longs, places: Ints, key: int) -> None:
    """Take a key out of the table; those behind it move up (Knuth, 6.4, algorithm R)."""
    mask = len(places) - 1
    hole = place_of(keys, places, key)
    place = hole
    while True:
        place = (place + 1) & mask
        if places[place] == NONE:
            break
        home = keys[places[place]] & mask
        if ((place - home) & mask) >= ((place - hole) & mask):
            places[hole] = places[place]
            hole = place
    places[hole] = NONE


@compiled
def _use(keys: Keys, key: int) -> int:
    """Return the slot of a key that is used once more."""
    place = place_of(keys.keys, keys.places, key)
    slot = keys.places[place]
    if slot == NONE:
        keys.left[0] -= 1
        slot = keys.free[keys.left[0]]
        keys.keys[slot] = key
        keys.uses[slot] = 0
        keys.places[place] = slot
    keys.uses[slot] += 1
    return int(slot)


@compiled
def _release(keys: Keys, slot: int) -> None:
    keys.uses[slot] -= 1
    if keys.uses[slot] == 0:
        _forget_place(keys.keys, keys.places, keys.keys[slot])
        keys.free[keys.left[0]] = slot
        keys.left[0] += 1


@compiled
def _is_newer(times: Floats, ids: Longs, one: int, other: int) -> bool:
    """Say whether a post is newer than another: by event time, then by id."""
    if times[one] != times[other]:
        return bool(times[one] > times[other])
    return bool(ids[one] > ids[other])


@compiled
def _link(state: State, post: int, first: int, last: int) -> None:
    """Put the cells `first` to `last` of a post into their chains.

    Arrays are taken out of their tuple first: within loops, each time would count references.
    """
    newer, older, heads, slots = state.newer, state.older, state.heads, state.slots
    lengths, logs, log_lengths, width = state.lengths, state.logs, state.log_lengths, slots.shape[1]
    times, ids = state.times, state.ids
    for cell in range(first, last):
        slot, here = slots[post, cell], post * width + cell
        lengths[slot] += 1
        log_lengths[slot] = logs[lengths[slot]]
        above, below, steps = NONE, heads[slot], 0
        while below != NONE and steps < MOST_STEPS and _is_newer(times, ids, below // width, post):
            above, below, steps = below, older[below], steps + 1
        newer[here], older[here] = above, below
        if above == NONE:
            heads[slot] = here
        else:
            older[above] = here
        if below != NONE:
            newer[below] = here


@compiled
def _unlink(state: State, post: int, first: int, last: int) -> None:
    newer, older, heads, slots = state.newer, state.older, state.heads, state.slots
    lengths, logs, log_lengths, width = state.lengths, state.logs, state.log_lengths, slots.shape[1]
    for cell in range(first, last):
        slot, here = slots[post, cell], post * width + cell
        lengths[slot] -= 1
        log_lengths[slot] = logs[lengths[slot]]
        above, below = newer[here], older[here]
        if above == NONE:
            heads[slot] = below
        else:
            older[above] = below
        if below != NONE:
            newer[below] = above


@compiled
def place_of_tag(state: State, post: int, tag: int) -> int:
    """Return which of a post's hashtags one is, or none."""
    for place in range(state.tag_counts[post]):
        if state.tags[post, place] == tag:
            return int(place)
    return NONE


@compiled
def _enter(state: State, post: int) -> None:
    """Let a post vote: link it where look-ups meet it."""
    state.linked[post] = True
    _link(state, post, ALL, ALL + 1)
    _link(state, post, FIRST_TOKEN, state.cells[post])


@compiled
def _leave(state: State, post: int) -> None:
    state.linked[post] = False
    _unlink(state, post, ALL, ALL + 1)
    _unlink(state, post, FIRST_TOKEN, state.cells[post])


@compiled
def _judge(state: State, post: int, place: int, most: int) -> None:
    """Mute one hashtag of a post if its author's later posts within the hour have it `most` times.

    A post whose hashtags are all muted leaves the chains: its author's newest ones stand for it.
    """
    width, tag, found, steps = state.slots.shape[1], state.tags[post, place], 0, 0
    cell = state.newer[post * width + AUTHOR]
    while cell != NONE and found < most and steps < MOST_STEPS:
        if state.times[cell // width] - state.times[post] >= HOUR:
            break
        found += place_of_tag(state, cell // width, tag) != NONE
        cell, steps = state.newer[cell], steps + 1
    muted = found == most
    if muted != bool(state.muted[post] >> place & 1):
        state.muted[post] ^= 1 << place
        state.votes[state.spellings[post, place]] += -1 if muted else 1
    votes = state.muted[post] != (1 << state.tag_counts[post]) - 1
    if votes and not state.linked[post]:
        _enter(state, post)
    elif state.linked[post] and not votes:
        _leave(state, post)


@compiled
def _judge_earlier(state: State, post: int, below: int, most: int) -> None:
    """Judge the author's earlier posts, from cell `below` on, that `post` mutes or muted."""
    width = state.slots.shape[1]
    for place in range(state.tag_counts[post]):
        cell, found, steps = below, 0, 0
        while cell != NONE and found < most and steps < MOST_STEPS:
            earlier = cell // width
            if state.times[post] - state.times[earlier] >= HOUR:
                break
            own = place_of_tag(state, earlier, state.tags[post, place])
            if own != NONE:
                _judge(state, earlier, own, most)
                found += 1
            cell, steps = state.older[cell], steps + 1


@compiled
def remove(state: State, post: int, most: int) -> None:
    """Take a post out of all tables; its slot is free."""
    width, numbers = state.slots.shape[1], state.numbers
    if state.linked[post]:
        _leave(state, post)
    _unlink(state, post, ORIGINAL, ORIGINAL + 1)
    if state.slots[post, AUTHOR] != NONE:
        below = state.older[post * width + AUTHOR]
        _unlink(state, post, AUTHOR, AUTHOR + 1)
        _judge_earlier(state, post, below, most)
    for cell in range(AUTHOR, state.cells[post]):
        slot = state.slots[post, cell]
        if slot != NONE:
            _release(state.tokens, slot)
    for place in range(state.tag_counts[post]):
        state.votes[state.spellings[post, place]] -= 1 - (state.muted[post] >> place & 1)
        _release(state.tag_keys, state.tags[post, place])
        _release(state.spelling_keys, state.spellings[post, place])
    _forget_place(state.ids, state.id_places, state.ids[post])
    before, after = state.before[post], state.after[post]
    if before == NONE:
        numbers[FIRST_OUT] = after
    else:
        state.after[before] = after
    if after == NONE:
        numbers[LAST_IN] = before
    else:
        state.before[after] = before
    state.free_posts[numbers[FREE_POSTS]] = post
    numbers[FREE_POSTS] += 1
    numbers[HELD] -= 1


@compiled
def add(state: State, batch: Batch, most: int) -> None:
    """Add posts in their order; one that is held already gives way to its repeat."""
    width, most_tags = state.slots.shape[1], state.tags.shape[1]
    for row in range(len(batch.ids)):
        held = state.id_places[place_of(state.ids, state.id_places, batch.ids[row])]
        if held != NONE:
            remove(state, held, most)
        while state.numbers[HELD] and (
            state.numbers[FREE_POSTS] == 0
            or state.tokens.left[0] < width
            or state.spelling_keys.left[0] < most_tags  # there are no more hashtags than these
        ):
            remove(state, state.numbers[FIRST_OUT], most)
        _add_one(state, batch, row, most)


@compiled
def _add_one(state: State, batch: Batch, row: int, most: int) -> None:
    numbers = state.numbers
    numbers[FREE_POSTS] -= 1
    post = state.free_posts[numbers[FREE_POSTS]]
    state.ids[post], state.times[post] = batch.ids[row], batch.times[row]
    state.id_places[place_of(state.ids, state.id_places, batch.ids[row])] = post
    newest = numbers[LAST_IN]
    state.before[post], state.after[post] = newest, NONE
    if newest == NONE:
        numbers[FIRST_OUT] = post
    else:
        state.after[newest] = post
    numbers[LAST_IN] = post
    numbers[HELD] += 1
    _fill(state, batch, row, post)
    _enter(state, post)
    _link(state, post, ORIGINAL, ORIGINAL + 1)
    if state.slots[post, AUTHOR] != NONE:
        _link(state, post, AUTHOR, AUTHOR + 1)
        for place in range(state.tag_counts[post]):
            _judge(state, post, place, most)
        below = state.older[post * state.slots.shape[1] + AUTHOR]
        _judge_earlier(state, post, below, most)


@compiled
def _fill(state: State, batch: Batch, row: int, post: int) -> None:
    """Write the keys and the hashtags of a post."""
    first, last = batch.token_offsets[row], batch.token_offsets[row + 1]
    state.cells[post] = FIRST_TOKEN + last - first
    state.slots[post, ALL] = ANY_POST
    state.slots[post, AUTHOR] = NONE
    if batch.authors[row]:
        state.slots[post, AUTHOR] = _use(state.tokens, batch.authors[row])
    state.slots[post, ORIGINAL] = _use(state.tokens, batch.originals[row])
    for at in range(first, last):
        cell = FIRST_TOKEN + at - first
        state.counts[post, cell] = batch.counts[at]
        state.slots[post, cell] = _use(state.tokens, batch.tokens[at])
    state.muted[post], start = 0, batch.tag_offsets[row]
    state.tag_counts[post] = batch.tag_offsets[row + 1] - start
    for place in range(state.tag_counts[post]):
        state.tags[post, place] = _use(state.tag_keys, batch.tags[start + place])
        spelling = _use(state.spelling_keys, batch.spellings[start + place])
        state.spellings[post, place] = spelling
        state.votes[spelling] += 1
