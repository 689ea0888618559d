def is_op_determinism_enabled() -> bool:
    return False
