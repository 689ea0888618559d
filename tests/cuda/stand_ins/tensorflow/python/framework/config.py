def is_op_determinism_enabled():
    return False
