"""What a session of the local pool's one-shot kind runs: each execution in a fresh Python process.

It answers as Piston does, as the adapter in front of Piston that this project grew from, or as
Microsoft's plain sample (docs/azure.md 7 and 3.6).
"""
