"""The compiled look-up: which posts are like this one, and what hashtags do they have?

Weights are those of `TfidfVectorizer(sublinear_tf=True)` with the frequencies of the moment:
(1 + ln tf)(1 + ln((1 + n) / (1 + df))), n and df counted among the posts that may vote. Nothing is
weighed when a post is added, so votes depend on the posts that are held and on nothing before.
"""

import numpy as np

from worker.compiled import compiled
from worker.memory_state import ANY_POST, FIRST_TOKEN, NONE, ORIGINAL, LookUp, State

DAY = 86_400.0  # seconds
MOST_STEPS = 1_024  # repeats of one original that are told apart in a chain
OWN = -1  # mark of a post that may not vote
FIXED = 2.0**32  # sums in fixed point do not depend on their order


@compiled
def _better(state: State, value: float, one: int, other_value: float, other: int) -> bool:
    """Order by value, then by event time, then by id."""
    if value != other_value:
        return value > other_value
    if state.times[one] != state.times[other]:
        return bool(state.times[one] > state.times[other])
    return bool(state.ids[one] > state.ids[other])


@compiled
def _keep(on: LookUp, size: int, most: int, post: int, value: float) -> int:
    """Put a post into a heap of the best whose worst is first; return how many it has."""
    best, values = on.scratch.best, on.scratch.scores
    if size == most and not _better(on.state, value, post, values[0], best[0]):
        return size
    if size < most:
        place = size
        while place > 0:
            parent = (place - 1) >> 1
            if _better(on.state, value, post, values[parent], best[parent]):
                break
            best[place], values[place] = best[parent], values[parent]
            place = parent
        best[place], values[place] = post, value
        return size + 1
    _sift(on, size, post, value)
    return size


@compiled
def _sift(on: LookUp, size: int, post: int, value: float) -> None:
    """Put a post at the head of a heap, in place of what is there."""
    best, values, place = on.scratch.best, on.scratch.scores, 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and _better(
            on.state, values[child], best[child], values[child + 1], best[child + 1]
        ):
            child += 1
        if _better(on.state, values[child], best[child], value, post):
            break
        best[place], values[place] = best[child], values[child]
        place = child
    best[place], values[place] = post, value


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
        weight = state.frequencies[batch.counts[at]]
        slot = on.slots[at]
        if slot == NONE:
            weight *= all_posts
        else:
            weight *= all_posts - state.log_lengths[slot]
            on.scratch.weights[slot] = weight
        total += weight * weight
    return float(np.sqrt(total))


@compiled
def _meet(on: LookUp, row: int) -> int:
    """Sum the weights of the newest posts of each token; return how many posts were met.

    All chains are followed at once, so that the processor waits for many reads together.
    """
    state, scratch, slots = on.state, on.scratch, on.slots
    first, last = on.batch.token_offsets[row], on.batch.token_offsets[row + 1]
    width, found = state.slots.shape[1], 0
    for at in range(first, last):
        slot = slots[at]
        scratch.cells[at - first] = NONE if slot == NONE else state.heads[slot]
    for _ in range(on.rules.ring):
        for at in range(first, last):
            cell = scratch.cells[at - first]
            while cell != NONE and scratch.met[cell // width] == OWN:
                cell = state.older[cell]
            if cell == NONE:
                scratch.cells[at - first] = NONE
                continue
            post = cell // width
            if scratch.met[post] == 0:
                scratch.posts[found] = post
                found += 1
            scratch.met[post] += np.int64(scratch.weights[slots[at]] * FIXED)
            scratch.cells[at - first] = state.older[cell]
    return found


@compiled
def _choose(on: LookUp, found: int) -> int:
    """Leave the candidates in `posts`: the best of those met, and the newest; return how many."""
    state, scratch, rules, size = on.state, on.scratch, on.rules, 0
    for place in range(found):
        post = scratch.posts[place]
        size = _keep(on, size, rules.candidates, post, float(scratch.met[post]))
    for place in range(found):
        scratch.met[scratch.posts[place]] = 0
    for place in range(size):
        scratch.posts[place] = scratch.best[place]
        scratch.met[scratch.best[place]] = 1
    cell, steps, width, chosen = state.heads[ANY_POST], 0, state.slots.shape[1], size
    while cell != NONE and steps < rules.newest:
        post = cell // width
        if scratch.met[post] == 0:
            scratch.posts[size] = post
            size += 1
        steps += scratch.met[post] != OWN
        cell = state.older[cell]
    for place in range(chosen):
        scratch.met[scratch.posts[place]] = 0
    return size


@compiled
def _cosine(on: LookUp, post: int, length: float) -> float:
    """Return the cosine of a post that is held and the one that is answered."""
    state, product, total = on.state, 0.0, 0.0
    all_posts = 1.0 + state.log_lengths[ANY_POST]
    for cell in range(FIRST_TOKEN, state.cells[post]):
        slot = state.slots[post, cell]
        weight = state.frequencies[state.counts[post, cell]] * (all_posts - state.log_lengths[slot])
        total += weight * weight
        product += weight * on.scratch.weights[slot]
    return float(product / (length * np.sqrt(total))) if product > 0 else 0.0


@compiled
def _rank(on: LookUp, row: int, size: int, length: float) -> int:
    """Set `best` to the voters and `scores` to their scores, best last; return how many."""
    state, scratch, rules, voters = on.state, on.scratch, on.rules, 0
    for place in range(size):
        post = scratch.posts[place]
        if on.originals[row] != NONE and state.slots[post, ORIGINAL] == on.originals[row]:
            continue
        cosine = _cosine(on, post, length)
        if cosine <= 0:
            continue
        on.answers.nearest[row] = max(on.answers.nearest[row], cosine)
        age = max(on.batch.times[row] - state.times[post], 0.0) / (rules.scale * DAY)
        score = cosine * (1.0 + age) ** -rules.decay
        voters = _keep(on, voters, rules.voters, post, score)
    for left in range(voters - 1, 0, -1):  # heap sort: the worst goes to the end
        post, score = scratch.best[0], scratch.scores[0]
        last, last_score = scratch.best[left], scratch.scores[left]
        _sift(on, left, last, last_score)
        scratch.best[left], scratch.scores[left] = post, score
    return voters


@compiled
def _vote(on: LookUp, row: int, voters: int) -> None:
    """Sum the votes of the voters, the best first, and write the hashtags with the most."""
    state, scratch, answers, found = on.state, on.scratch, on.answers, 0
    for place in range(voters):
        post = scratch.best[place]
        share = float(state.tag_counts[post]) ** -on.rules.sharing
        vote = scratch.scores[place] ** on.rules.power * share
        for own in range(state.tag_counts[post]):
            if state.muted[post] >> own & 1:
                continue
            tag = state.tags[post, own]
            if scratch.votes[tag] == 0:
                scratch.tags[found] = tag
                found += 1
            scratch.votes[tag] += vote
            answers.totals[row] += vote
    _write(on, row, found)


@compiled
def _write(on: LookUp, row: int, found: int) -> None:
    """Write the hashtags of the most votes, of equal ones the first found, and clear all votes."""
    scratch, answers, size, most = on.scratch, on.answers, 0, on.answers.tags.shape[1]
    for place in range(found):
        tag = scratch.tags[place]
        votes = scratch.votes[tag]
        scratch.votes[tag] = 0.0
        at = min(size, most - 1)
        if size == most and votes <= answers.votes[row, at]:
            continue
        while at > 0 and answers.votes[row, at - 1] < votes:
            answers.tags[row, at] = answers.tags[row, at - 1]
            answers.votes[row, at] = answers.votes[row, at - 1]
            at -= 1
        answers.tags[row, at], answers.votes[row, at] = tag, votes
        size = min(size + 1, most)
    answers.sizes[row] = size


@compiled
def look_up(on: LookUp) -> None:
    """Answer posts."""
    for row in range(len(on.batch.ids)):
        on.answers.totals[row], on.answers.nearest[row] = 0.0, 0.0
        length = _weigh(on, row)
        _mark(on, row, OWN)
        candidates = _choose(on, _meet(on, row))
        _vote(on, row, _rank(on, row, candidates, length))
        _mark(on, row, 0)
        for at in range(on.batch.token_offsets[row], on.batch.token_offsets[row + 1]):
            if on.slots[at] != NONE:
                on.scratch.weights[on.slots[at]] = 0.0
