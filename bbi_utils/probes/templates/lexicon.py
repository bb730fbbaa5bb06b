"""Word lists that the probe templates share, so that the suite stays one small world."""

NAMES = (
    "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Hugo", "Ivy", "Jack", "Kate", "Leo",
    "Maya", "Noah", "Olivia", "Paul", "Rosa", "Sam", "Tara", "Victor",
)  # fmt: skip
OBJECTS = (
    "apple", "book", "pen", "cup", "ball", "box", "key", "coin", "stamp", "card", "flower", "egg", "orange",
    "shell", "button", "candle", "ticket", "brick", "plate", "sticker",
)  # fmt: skip
ANIMALS = (
    "cat", "dog", "horse", "rabbit", "owl", "fox", "whale", "turtle", "bee", "frog", "eagle", "bear",
    "goat", "duck", "shark", "wolf", "mouse", "lion", "snake", "penguin",
)  # fmt: skip
PLACES = (
    "garden", "kitchen", "park", "school", "library", "office", "market", "beach", "forest", "station",
    "museum", "village", "river", "mountain", "farm", "harbor",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TOPICS = (
    "tea", "rain", "music", "sleep", "trains", "bread", "winter", "friendship", "the sea", "the moon",
    "trees", "books", "cooking", "running", "painting", "bicycles", "summer", "gardens", "coffee", "stars",
)  # fmt: skip
COLORS = ("red", "blue", "green", "yellow", "white", "black", "brown", "purple", "pink", "gray")
ADJECTIVES = (
    "small", "big", "old", "new", "quiet", "bright", "warm", "cold", "soft", "slow", "fast", "happy",
    "clean", "heavy", "light", "strong",
)  # fmt: skip
NUMBER_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
PEOPLE = (
    "neighbor", "boss", "teacher", "cousin", "friend", "sister", "brother", "uncle", "landlord", "classmate",
    "aunt", "colleague",
)  # fmt: skip
BELONGINGS = (
    "bicycle", "phone", "laptop", "wallet", "car", "camera", "coat", "bag", "guitar", "watch", "boat", "ring",
)  # fmt: skip
SUBJECTS = (
    "math", "history", "biology", "music", "art", "chemistry", "geography", "physics", "English", "law",
)  # fmt: skip

AUDIENCES = (
    "a beginner", "a child", "a student", "a new colleague", "a friend", "my grandmother", "a busy manager",
    "a curious visitor",
)  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
# A class and its members; no word is a member of two classes.
CLASSES: dict[str, tuple[str, ...]] = {
    "animal": ANIMALS,
    "color": COLORS,
    "fruit": ("apple", "banana", "cherry", "grape", "lemon", "mango", "peach", "pear"),
    "vegetable": ("bean", "cabbage", "carrot", "garlic", "lettuce", "onion", "potato", "spinach"),
    "tool": ("axe", "drill", "hammer", "ladder", "saw", "shovel", "wrench"),
    "instrument": ("drum", "flute", "guitar", "harp", "piano", "trumpet", "violin"),
    "planet": ("Earth", "Jupiter", "Mars", "Mercury", "Neptune", "Saturn", "Uranus", "Venus"),
    "metal": ("copper", "gold", "iron", "nickel", "silver", "tin", "zinc"),
    "sport": ("baseball", "boxing", "golf", "hockey", "rugby", "soccer", "swimming", "tennis"),
    "job": ("baker", "doctor", "driver", "farmer", "lawyer", "nurse", "pilot", "teacher"),
}


def with_article(noun: str) -> str:
    """The noun with "a" or "an" before it, by its first letter ("an old cup")."""
    return ("an " if noun[0].lower() in "aeiou" and not noun.lower().startswith("uni") else "a ") + noun


def sentence_case(text: str) -> str:
    """The text with its first letter capital and the rest as it is."""
    return text[:1].upper() + text[1:]

# A small grammar of scenes: who does what to which object, and where.
WHERE = {
    "garden": "in the garden", "kitchen": "in the kitchen", "park": "in the park", "school": "at the school",
    "library": "in the library", "office": "in the office", "market": "at the market",
    "beach": "on the beach",
    "forest": "in the forest", "station": "at the station", "museum": "in the museum",
    "village": "in the village", "river": "near the river", "mountain": "on the mountain",
    "farm": "on the farm", "harbor": "at the harbor",
}  # fmt: skip
VERBS = {  # base form: (third person, past, participle)
    "find": ("finds", "found", "found"), "see": ("sees", "saw", "seen"), "hide": ("hides", "hid", "hidden"),
    "drop": ("drops", "dropped", "dropped"), "carry": ("carries", "carried", "carried"),
    "hold": ("holds", "held", "held"), "move": ("moves", "moved", "moved"),
    "push": ("pushes", "pushed", "pushed"), "take": ("takes", "took", "taken"),
    "steal": ("steals", "stole", "stolen"), "lose": ("loses", "lost", "lost"),
    "catch": ("catches", "caught", "caught"), "watch": ("watches", "watched", "watched"),
    "want": ("wants", "wanted", "wanted"),
    # From here on only people do it.
    "buy": ("buys", "bought", "bought"), "sell": ("sells", "sold", "sold"),
    "paint": ("paints", "painted", "painted"), "draw": ("draws", "drew", "drawn"),
    "clean": ("cleans", "cleaned", "cleaned"), "choose": ("chooses", "chose", "chosen"),
    "leave": ("leaves", "left", "left"), "throw": ("throws", "threw", "thrown"),
    "need": ("needs", "needed", "needed"), "forget": ("forgets", "forgot", "forgotten"),
}  # fmt: skip
ANIMAL_VERBS = tuple(VERBS)[:14]


def plural(noun: str) -> str:
    """The regular plural, with the irregular nouns of this lexicon."""
    irregular = {"box": "boxes", "wolf": "wolves", "mouse": "mice", "fox": "foxes", "library": "libraries"}
    return irregular.get(noun, noun + "s")


# Places that a thing can be "in", and places where people meet "at".
PLACES_IN = (
    "garden", "kitchen", "park", "school", "library", "office", "market", "forest", "museum", "village",
)  # fmt: skip
PLACES_AT = ("park", "school", "library", "office", "market", "beach", "station", "museum", "farm", "harbor")
# Adjectives that suit any thing and any animal.
PLAIN_ADJECTIVES = ("small", "big", "old", "new", "bright", "clean", "heavy", "light", "strong")
