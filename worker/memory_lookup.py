"""The compiled look-up: which posts are like this one, and what hashtags do they have?

Weights are those of `TfidfVectorizer(sublinear_tf=True)` with the frequencies of the moment:
(1 + ln tf)(1 + ln((1 + n) / (1 + df))), n and df counted among the posts that may vote. Nothing is
weighed when a post is added, so votes depend on the posts that are held and on nothing before.
"""

import numpy as np

from worker.compiled import compiled
from worker.memory_state import ANY_POST, FIRST_TOKEN, NONE, ORIGINAL, Floats, Heap, LookUp, Vectors

DAY = 86_400.0  # seconds
MOST_STEPS = 1_024  # repeats of one original that are told apart in a chain
OWN = -1  # mark of a post that may not vote
FIXED = 2.0**32  # sums in fixed point do not depend on their order


@compiled
def _better(heap: Heap, value: float, one: int, other_value: float, other: int) -> bool:
    """Order by value, then by event time, then by id."""
    if value != other_value:
        return value > other_value
    if heap.times[one] != heap.times[other]:
        return bool(heap.times[one] > heap.times[other])
    return bool(heap.ids[one] > heap.ids[other])


@compiled
def _keep(heap: Heap, size: int, most: int, post: int, value: float) -> int:
    """Keep a post if it is among the best; return how many there are."""
    posts, values = heap.posts, heap.values
    if size < most:
        place = size
        while place > 0:
            parent = (place - 1) >> 1
            if _better(heap, value, post, values[parent], posts[parent]):
                break
            posts[place], values[place] = posts[parent], values[parent]
            place = parent
        posts[place], values[place] = post, value
        return size + 1
    if _better(heap, value, post, values[0], posts[0]):
        _sift(heap, size, post, value)
    return size


@compiled
def _sift(heap: Heap, size: int, post: int, value: float) -> None:
    """Put a post at the head of a heap, in place of what is there."""
    posts, values, place = heap.posts, heap.values, 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and _better(
            heap, values[child], posts[child], values[child + 1], posts[child + 1]
        ):
            child += 1
        if _better(heap, values[child], posts[child], value, post):
            break
        posts[place], values[place] = posts[child], values[child]
        place = child
    posts[place], values[place] = post, value


@compiled
def _mark(on: LookUp, row: int, mark: int) -> None:
    """Mark the post that is answered, if it is held, and the newest repeats of its original."""
    state, met, original = on.state, on.scratch.met, on.originals[row]
    if on.held[row] != NONE:
        met[on.held[row]] = mark
    cell, steps = NONE if original == NONE else state.heads[original], 0
    while cell != NONE and steps < MOST_STEPS:
        met[cell // state.slots.shape[1]] = mark
        cell, steps = state.older[cell], steps + 1


@compiled
def _weigh(on: LookUp, row: int) -> float:
    """Set the weights of a post's tokens, and return the length of its vector."""
    state, batch, total = on.state, on.batch, 0.0
    all_posts = 1.0 + state.log_lengths[ANY_POST]
    for at in range(batch.token_offsets[row], batch.token_offsets[row + 1]):
        slot = on.slots[at]
        rarity = all_posts - (0.0 if slot == NONE else state.log_lengths[slot])
        weight = state.frequencies[batch.counts[at]] * rarity
        if slot != NONE:
            on.scratch.weights[slot] = weight
        total += weight * weight
    return float(np.sqrt(total))


@compiled
def _meet(on: LookUp, row: int) -> int:
    """Sum the weights of the newest posts of each token; return how many posts were met.

    All chains are followed at once, so that the processor waits for many reads together. Arrays are
    taken out of their tuples first: within loops, each time would count references.
    """
    first, last = on.batch.token_offsets[row], on.batch.token_offsets[row + 1]
    older, slots, weights = on.state.older, on.slots, on.scratch.weights
    met, posts, cells = on.scratch.met, on.scratch.posts, on.scratch.cells
    heads, width, found = on.state.heads, on.state.slots.shape[1], 0
    for at in range(first, last):
        cells[at - first] = NONE if slots[at] == NONE else heads[slots[at]]
    for _ in range(on.rules.ring):
        for at in range(first, last):
            cell = cells[at - first]
            while cell != NONE and met[cell // width] == OWN:
                cell = older[cell]
            if cell == NONE:
                cells[at - first] = NONE
                continue
            post = cell // width
            if met[post] == 0:
                posts[found], found = post, found + 1
            met[post] += np.int64(weights[slots[at]] * FIXED)
            cells[at - first] = older[cell]
    return found


@compiled
def _choose(on: LookUp, heap: Heap, found: int) -> int:
    """Leave the candidates in `posts`: the best of those met, and the newest; return how many."""
    met, posts, older, most = on.scratch.met, on.scratch.posts, on.state.older, on.rules.candidates
    size, width, steps = 0, on.state.slots.shape[1], 0
    for place in range(found):
        size = _keep(heap, size, most, posts[place], float(met[posts[place]]))
        met[posts[place]] = 0
    for place in range(size):
        posts[place] = heap.posts[place]
        met[posts[place]] = 1
    cell, chosen = on.state.heads[ANY_POST], size
    while cell != NONE and steps < on.rules.newest:
        post = cell // width
        if met[post] == 0:
            posts[size], size = post, size + 1
        steps += met[post] != OWN
        cell = older[cell]
    for place in range(chosen):
        met[posts[place]] = 0
    return size


@compiled
def _cosine(of: Vectors, weights: Floats, all_posts: float, post: int, length: float) -> float:
    """Return the cosine of a post that is held and the one that is answered."""
    slots, counts, frequencies, log_lengths = of.slots, of.counts, of.frequencies, of.log_lengths
    product, total = 0.0, 0.0
    for cell in range(FIRST_TOKEN, of.cells[post]):
        slot = slots[post, cell]
        weight = frequencies[counts[post, cell]] * (all_posts - log_lengths[slot])
        total += weight * weight
        product += weight * weights[slot]
    return float(product / (length * np.sqrt(total))) if product > 0 else 0.0


@compiled
def _near(on: LookUp, heap: Heap, row: int, post: int, cosine: float) -> None:
    """Write a post if it is among the most similar."""
    posts, cosines = on.answers.nearest[row], on.answers.cosines[row]
    at = most = len(posts)
    while at > 0 and (
        posts[at - 1] == NONE or _better(heap, cosine, post, cosines[at - 1], posts[at - 1])
    ):
        at -= 1
        if at + 1 < most:
            posts[at + 1], cosines[at + 1] = posts[at], cosines[at]
    if at < most:
        posts[at], cosines[at] = post, cosine


@compiled
def _rank(on: LookUp, heap: Heap, row: int, size: int, length: float) -> int:
    """Leave the voters and their scores in the heap, now best first; return how many."""
    state, rules, voters, original = on.state, on.rules, 0, on.originals[row]
    of = Vectors(state.cells, state.slots, state.counts, state.frequencies, state.log_lengths)
    posts, weights = on.scratch.posts, on.scratch.weights
    on.answers.nearest[row] = NONE
    all_posts = 1.0 + state.log_lengths[ANY_POST]
    for place in range(size):
        post = posts[place]
        if original != NONE and of.slots[post, ORIGINAL] == original:
            continue
        cosine = _cosine(of, weights, all_posts, post, length)
        if cosine > 0:
            _near(on, heap, row, post, cosine)
            voters = _keep(heap, voters, rules.voters, post, cosine * _fresh(on, row, post))
    for left in range(voters - 1, 0, -1):  # heap sort: the worst goes to the end
        worst, least = heap.posts[0], heap.values[0]
        _sift(heap, left, heap.posts[left], heap.values[left])
        heap.posts[left], heap.values[left] = worst, least
    return voters


@compiled
def _own(on: LookUp, row: int) -> int:
    """Leave the newest posts of the same author in `best`, and what age left them in `scores`."""
    state, best, original, own = on.state, on.scratch.best, on.originals[row], 0
    cell = NONE if on.authors[row] == NONE else state.heads[on.authors[row]]
    while cell != NONE and own < on.rules.ring:
        post, cell = cell // state.slots.shape[1], state.older[cell]
        repeat = original != NONE and state.slots[post, ORIGINAL] == original
        if state.linked[post] and on.scratch.met[post] != OWN and not repeat:
            best[own], on.scratch.scores[own] = post, _fresh(on, row, post)
            own += 1
    return own


@compiled
def _fresh(on: LookUp, row: int, post: int) -> float:
    """Return what age has left of a post: (1 + age / scale)^-decay."""
    age = max(on.batch.times[row] - on.state.times[post], 0.0) / (on.rules.scale * DAY)
    return float((1.0 + age) ** -on.rules.decay)


@compiled
def _ballots(on: LookUp, voters: int) -> float:
    """Turn the scores of voters into what each gives to each of its hashtags; return the sum."""
    scores, total = on.scratch.scores, 0.0
    for place in range(voters):
        post = on.scratch.best[place]
        count, muted = on.state.tag_counts[post], on.state.muted[post]
        scores[place] = scores[place] ** on.rules.power * float(count) ** -on.rules.sharing
        for own in range(count):
            if not muted >> own & 1:
                total += scores[place]
    return total


@compiled
def _cast(on: LookUp, voters: int, weight: float, found: int) -> int:
    """Add the votes of voters to those of `found` hashtags; return how many have votes now."""
    tags, votes = on.scratch.tags, on.scratch.votes
    best, scores = on.scratch.best, on.scratch.scores
    counts, own_tags, muted = on.state.tag_counts, on.state.tags, on.state.muted
    for place in range(voters):
        post = best[place]
        for own in range(counts[post]):
            if muted[post] >> own & 1:
                continue
            tag = own_tags[post, own]
            if votes[tag] == 0:
                tags[found], found = tag, found + 1
            votes[tag] += weight * scores[place]
    return found


@compiled
def _vote(on: LookUp, row: int, voters: int) -> None:
    """Sum the votes, of all and of the author's own posts, and write the hashtags with the most."""
    total = _ballots(on, voters)
    found = _cast(on, voters, 1.0, 0)
    own = _own(on, row) if on.rules.author > 0 else 0
    of_own = _ballots(on, own)
    if of_own > 0:
        weight = on.rules.author * (total if total > 0 else 1.0) / of_own
        found = _cast(on, own, weight, found)
        total += weight * of_own
    on.answers.totals[row] = total
    _write(on, row, found)


@compiled
def _write(on: LookUp, row: int, found: int) -> None:
    """Write the hashtags of the most votes, of equal ones the first found, and clear all votes."""
    scratch, tags, best = on.scratch, on.answers.tags[row], on.answers.votes[row]
    size, most = 0, len(tags)
    for place in range(found):
        tag = scratch.tags[place]
        votes = scratch.votes[tag]
        scratch.votes[tag] = 0.0
        at = min(size, most - 1)
        if size == most and votes <= best[at]:
            continue
        while at > 0 and best[at - 1] < votes:
            tags[at], best[at] = tags[at - 1], best[at - 1]
            at -= 1
        tags[at], best[at] = tag, votes
        size = min(size + 1, most)
    on.answers.sizes[row] = size


@compiled
def look_up(on: LookUp) -> None:
    """Answer posts."""
    heap = Heap(on.scratch.best, on.scratch.scores, on.state.times, on.state.ids)
    for row in range(len(on.batch.ids)):
        length = _weigh(on, row)
        _mark(on, row, OWN)
        candidates = _choose(on, heap, _meet(on, row))
        _vote(on, row, _rank(on, heap, row, candidates, length))
        _mark(on, row, 0)
        for at in range(on.batch.token_offsets[row], on.batch.token_offsets[row + 1]):
            if on.slots[at] != NONE:
                on.scratch.weights[on.slots[at]] = 0.0
