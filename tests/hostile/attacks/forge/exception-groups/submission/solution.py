class Loop(ExceptionGroup):
    @property
    def exceptions(self):
        return (self,) * 3

def median(values):
    inner = BaseExceptionGroup("inner", [SystemExit(0), KeyboardInterrupt(), GeneratorExit()])
    if len(values) % 2:
        raise Loop("loop", [KeyError(1)])
    raise BaseExceptionGroup("outer", [inner] * 50)
