"""LaTeX and page text as plain sequences of symbols, so that formulas can be compared.

Fractions, roots and scripts lose their shape: ``\\frac{a}{b}`` and a over b both become ``ab``.
That a formula is found therefore says that its symbols were read in order, not that its
structure was.
"""

from __future__ import annotations

import re
import unicodedata

_SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν",
    "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "varphi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
    "int": "∫", "oint": "∮", "sum": "∑", "prod": "∏", "nabla": "∇", "partial": "∂",
    "infty": "∞", "times": "×", "cdot": "⋅", "pm": "±", "le": "≤", "leq": "≤", "ge": "≥",
    "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈", "equiv": "≡", "in": "∈", "to": "→",
    "rightarrow": "→", "leftarrow": "←", "sqrt": "√", "hbar": "ℏ", "prime": "'", "sim": "∼",
    "propto": "∝", "cup": "∪", "cap": "∩", "subset": "⊂", "forall": "∀", "exists": "∃",
    "ldots": "…", "cdots": "⋯", "langle": "⟨", "rangle": "⟩",
}  # fmt: skip
_SAME = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "·": "⋅", "∙": "⋅", "ϵ": "ε", "µ": "μ", "ϕ": "φ"}
)
_COMMAND = re.compile(r"\\([A-Za-z]+)|\\(.)")
_NAMES = ("sin", "cos", "tan", "log", "ln", "exp", "lim", "max", "min", "det", "Pr")


def flatten(text: str) -> str:
    """The visible symbols of LaTeX or of page text, without spaces, braces and script marks."""

    def symbol(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[2] if match[2] in "%$#&" else ""
        return _SYMBOLS.get(name, name if name in _NAMES else "")

    plain = _COMMAND.sub(symbol, text)
    plain = re.sub(r"[\s{}^_$|]", "", plain)
    return unicodedata.normalize("NFKC", plain).translate(_SAME)
