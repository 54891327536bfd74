"""The tensors of a frozen teacher, kept on disk so that it need not run again."""

from fdkd.engine.teacher_cache.hook import TeacherCacheHook

__all__ = ['TeacherCacheHook']
