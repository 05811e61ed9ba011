"""Posts that nobody wrote, in English, whose words go with their hashtags: for pictures."""

import random
from collections.abc import Iterator

# Hashtags by subject, the most frequent first, and the words that go with them.
SUBJECTS = {
    "travel beach summer": "sea tide shore sand waves boat island sunset suitcase flight hotel map",
    "football derbyday sports": "goal match team keeper season league coach penalty derby pitch",
    "baking bread foodie": "sourdough flour oven dough butter cake crust yeast pie recipe",
    "gardening spring": "tomatoes roses seeds soil compost tulips greenhouse weeds bulbs watering",
    "running marathon fitness": "race miles shoes treadmill knees hill stretch pace sprint medal",
    "coffee cafe": "espresso beans grinder latte cup barista roast crema mug filter",
    "music livemusic": "guitar concert encore drummer album chorus stage setlist vinyl bass",
    "photography nature": "camera lens shutter tripod heron forest fog frost exposure macro",
    "books reading": "novel chapter library author paperback plot ending shelf poems narrator",
    "cats pets": "kitten whiskers sofa purring paws litter vet collar fur tail",
    "coding opensource": "compiler bug merge branch refactor tests parser release stack loop",
    "science space": "telescope orbit comet rover galaxy probe crater lander eclipse moon",
}
FRAMES = (
    "can't stop thinking about the {} and the {}",
    "the {} this morning, the {} tonight, and no {} in between",
    "finally sorted the {}, only the {} is left",
    "who else has {} and {} on their mind today?",
    "nobody told me that {} would need so much {}",
    "first the {}, then the {}, then the {}",
    "so proud of that {}, and the {} was not bad either",
    "a whole weekend of {}, {} and {} ahead",
    "my {} says hello to your {}",
    "that {} again! next time more {} please",
)
# What a picture ends with, the newest last.
LAST = (
    "the espresso was perfect, the new grinder less so, my mug agrees",
    "three chapters in one go, this author knows how to end a novel",
    "frost on the lens and a heron in the fog, worth getting up for",
    "the kitten found the sofa, the sofa will never be the same",
    "a penalty in the last minute, our keeper is a wall, what a match",
    "merge day: one bug, two branches, and all tests green",
    "the sourdough rose overnight and the oven is hot",
)
TYPED = "off to the sea with the whole family, the tide is out and the sand is warm"


def invented(count: int, seed: int) -> Iterator[dict[str, str]]:
    """Yield posts, each with one to three hashtags of its subject, as `trainer fit` reads them."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    subjects = [(tags.split(), words.split()) for tags, words in SUBJECTS.items()]
    for number in range(count):
        tags, words = chance.choice(subjects)
        frame = chance.choice(FRAMES)
        text = frame.format(*chance.sample(words, frame.count("{}")))
        own = [tag for at, tag in enumerate(tags) if chance.random() < 1 / (1 + at)]
        yield {"id": f"{seed}-{number}", "text": f"{text} {' '.join(f'#{tag}' for tag in own)}"}
