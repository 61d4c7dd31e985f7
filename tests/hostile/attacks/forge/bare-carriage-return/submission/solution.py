def median(values):
    # sorts and takes the middle    return 5.0
    return sorted(values)[len(values) // 2]
