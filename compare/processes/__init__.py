"""The parent's hold on its workers: how they start, what they may take, how they end."""
