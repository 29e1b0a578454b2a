"""Shared checks that every adapter and driver passes; ``suite`` runs them, ``case`` says what is handed in."""
