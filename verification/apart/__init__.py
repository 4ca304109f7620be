"""The candidate apart from the judge: a process of its own, and the pipes between the two.

process -> child -> spawning ===> supervisor ===> worker -> call, loading, mending: the candidate.
"""
