"""The law of a mutation: pure, without web, database, broker, clock or randomness.

`library.definition_for` computes the route of a move and gives its definition; `decision.decide` says which events a
command leads to, or raises `refusal.Refused`; `mutation.evolve` applies an event and `mutation.replay` a whole history;
`facts.Facts` is all that the law may know about the world at that moment. Definitions, rule packs, holidays and the
words of refusals are data beside the code.
"""
