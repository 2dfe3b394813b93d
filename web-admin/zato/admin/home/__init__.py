"""Is anything wrong?"""
