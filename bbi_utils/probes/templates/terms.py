"""Tables of technical knowledge: what the domain-technical probes ask about, and what is true of it."""

from __future__ import annotations

# field -> term -> definition
FIELDS: dict[str, dict[str, str]] = {
    "computing": {
        "algorithm": "a list of steps that solves a problem",
        "variable": "a name that holds a value",
        "loop": "code that repeats",
        "database": "an organized store of data",
        "bug": "a mistake in a program",
        "server": "a computer that answers requests",
    },
    "medicine": {
        "fever": "a high body temperature",
        "vaccine": "a medicine that prevents a disease",
        "antibiotic": "a medicine that kills bacteria",
        "diagnosis": "the name of a disease that a doctor finds",
        "symptom": "a sign of a disease",
        "fracture": "a broken bone",
    },
    "law": {
        "contract": "an agreement that the law protects",
        "plaintiff": "the person who brings a case to court",
        "defendant": "the person who answers a case in court",
        "verdict": "the decision of a jury",
        "witness": "a person who saw what happened",
        "appeal": "a request to a higher court",
    },
    "finance": {
        "loan": "money that must be paid back",
        "interest": "the price of borrowing money",
        "budget": "a plan for spending money",
        "profit": "the money left after all costs",
        "share": "a small part of a company",
        "tax": "money paid to the government",
    },
    "chemistry": {
        "atom": "the smallest piece of an element",
        "molecule": "a group of joined atoms",
        "acid": "a substance with a low pH",
        "base": "a substance with a high pH",
        "catalyst": "a substance that speeds up a reaction",
        "ion": "an atom with an electric charge",
    },
}
FIELD_OF = {term: field for field, terms in FIELDS.items() for term in terms}
DEFINITIONS = {term: text for terms in FIELDS.values() for term, text in terms.items()}

COMMANDS = {
    "git status": "show which files have changed",
    "git commit": "record changes in the history",
    "git push": "send changes to the server",
    "git pull": "get changes from the server",
    "git clone": "copy a whole repository",
    "git log": "show the history of changes",
    "git diff": "show the changes line by line",
    "ls": "list the files in a folder",
    "cd": "go to another folder",
    "pwd": "show the current folder",
    "mkdir": "make a new folder",
    "rm": "delete a file",
    "cp": "copy a file",
    "mv": "move a file",
    "cat": "print a file",
    "grep": "search for text in a file",
    "head": "show the first lines of a file",
    "tail": "show the last lines of a file",
    "kill": "stop a running program",
    "pip install": "install a Python package",
}

# procedure -> (time complexity, reason)
COMPLEXITY = {
    "linear search": ("O(n)", "it looks at every item once"),
    "finding the maximum": ("O(n)", "it looks at every item once"),
    "adding everything up": ("O(n)", "it looks at every item once"),
    "binary search": ("O(log n)", "it halves the list at each step"),
    "a hash table lookup": ("O(1)", "it goes straight to the item"),
    "reading one item by its index": ("O(1)", "it goes straight to the item"),
    "bubble sort": ("O(n^2)", "it compares pairs of items again and again"),
    "insertion sort": ("O(n^2)", "it compares pairs of items again and again"),
    "comparing every pair": ("O(n^2)", "every item meets every other item"),
    "merge sort": ("O(n log n)", "it splits the list and merges the halves"),
    "heap sort": ("O(n log n)", "each of the n items takes log n steps"),
    "listing every subset": ("O(2^n)", "each item doubles the number of subsets"),
}

# mistake -> exception
PYTHON_ERRORS = {
    "dividing by zero": "ZeroDivisionError",
    "using a dictionary key that is missing": "KeyError",
    "reading past the end of a list": "IndexError",
    "using a name that was never defined": "NameError",
    "adding a number to a string": "TypeError",
    "turning the word apple into a number": "ValueError",
    "opening a file that is missing": "FileNotFoundError",
    "importing a package that is missing": "ModuleNotFoundError",
    "forgetting a closing bracket": "SyntaxError",
}


# task -> tool
TOOLS = {
    "measure body temperature": "thermometer",
    "listen to a heart": "stethoscope",
    "look at tiny cells": "microscope",
    "look at distant stars": "telescope",
    "measure the mass of a sample": "scale",
    "measure the length of a box": "ruler",
    "measure the time of a race": "stopwatch",
    "find which way is north": "compass",
    "measure the speed of a car": "speedometer",
    "add up a table of costs": "spreadsheet",
    "store millions of customer records": "database",
    "find a bug in a program": "debugger",
    "view web pages": "browser",
    "measure air pressure": "barometer",
    "measure an electric current": "ammeter",
    "add two large numbers": "calculator",
}

# element -> (symbol, atomic number, state at room temperature)
ELEMENTS = {
    "hydrogen": ("H", 1, "gas"),
    "helium": ("He", 2, "gas"),
    "carbon": ("C", 6, "solid"),
    "nitrogen": ("N", 7, "gas"),
    "oxygen": ("O", 8, "gas"),
    "neon": ("Ne", 10, "gas"),
    "sodium": ("Na", 11, "solid"),
    "sulfur": ("S", 16, "solid"),
    "chlorine": ("Cl", 17, "gas"),
    "iron": ("Fe", 26, "solid"),
    "nickel": ("Ni", 28, "solid"),
    "copper": ("Cu", 29, "solid"),
    "zinc": ("Zn", 30, "solid"),
    "silver": ("Ag", 47, "solid"),
    "tin": ("Sn", 50, "solid"),
    "gold": ("Au", 79, "solid"),
    "mercury": ("Hg", 80, "liquid"),
    "lead": ("Pb", 82, "solid"),
}
ELEMENT_PROPERTIES = ("chemical symbol", "atomic number", "state at room temperature")

# problem -> specialist
SPECIALISTS = {
    "a heart problem": "cardiologist",
    "a skin problem": "dermatologist",
    "a toothache": "dentist",
    "a broken bone": "orthopedist",
    "an eye problem": "ophthalmologist",
    "a lung problem": "pulmonologist",
    "a kidney problem": "nephrologist",
    "a brain problem": "neurologist",
    "a sick cat": "veterinarian",
    "a sick baby": "pediatrician",
    "a bad allergy": "allergist",
    "a sore foot": "podiatrist",
}

# acronym -> (expansion, field)
ACRONYMS = {
    "CPU": ("central processing unit", "computing"),
    "GPU": ("graphics processing unit", "computing"),
    "RAM": ("random access memory", "computing"),
    "URL": ("uniform resource locator", "computing"),
    "HTML": ("hypertext markup language", "computing"),
    "API": ("application programming interface", "computing"),
    "MRI": ("magnetic resonance imaging", "medicine"),
    "ICU": ("intensive care unit", "medicine"),
    "BMI": ("body mass index", "medicine"),
    "GDP": ("gross domestic product", "finance"),
    "ATM": ("automated teller machine", "finance"),
    "CEO": ("chief executive officer", "finance"),
}
