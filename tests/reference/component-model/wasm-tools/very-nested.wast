;; RUN: wast --assert default --snapshot tests/snapshots %

(assert_invalid
  (component $$esl
    (component
      (export "c t.*************")
      (export "00AG")
      (component
        (export "c 3@EGG*****+*****e $$qq")
      )
      (component
        (export "q**")
        (export "00AGG554M******+*****e 4$qq")
      )
      (component
        (export "q**")
        (export "dojgn-ejs9-nd188")
      )
      (component
        (export "q")
      )
      (component
        (export "c 3@E*******************")
        (import "sdg-q12")
      )
      (component
        (export "c t.*************")
        (export "00AG")
        (component
          (export "c 3@EGG*****+*****e $$qq")
        )
        (component
          (export "q**")
          (export "dojgn-ejs9-nd188")
        )
        (component
          (export "q")
        )
        (component
          (export "c 3@E*******************")
          (import "bsdew2-sdbsdb")
        )
        (component
          (export "c=t.*************")
          (export "00AG")
          (component
            (export "alskgn-mbnaj4-a33i5nf")
            (export "dojgn-ejs9-nd188")
          )
          (component
            (export "q")
          )
          (component
            (export "c 3@E*******************")
            (import "jsjsjs")
          )
          (component
            (export "q")
          )
          (component
            (export "c 3@E*******************")
            (import "anonmm-x23foinas-ASDOJASD")
          )
          (component
            (export "c t.****0*********")
            (export "00AG")
            (component
              (export "c 3@EGG*****+*****e $$qq")
            )
            (component
              (export "q**")
              (export "dojgn-ejs9-nd188")
            )
            (component
              (export "q")
            )
            (component
              (export "c 3@E*******************")
              (import "bsdew2-sdbsdb")
            )
            (component
              (export "c=t.*************")
              (export "00AG")
              (component
                (export "alskgn-mbnaj4-a33i5nf")
                (export "dojgn-ejs9-nd188")
              )
              (component
                (export "q")
              )
              (component
                (export "afhinds-T39OIDN-f1jsj11")
                (import "sf-gqo3ngin23ogin13g-bvcad")
              )
              (component
                (export "EGG-y-GG-qq")
                (export "agds-ASF-TT-yy")
              )
              (component
                (export "q")
              )
              (component
                (export "b 3@E*******************")
                (import "bsdew2-sdbsdb")
              )
              (component
                (export "c 0.*************")
                (export "00AGGWGle A*$$qq")
              )
              (component)
            )
            (component
              (export "q")
            )
            (component
              (export "c 3@E*********GG$qq**")
              (export "dojgn-ejs9-nd188")
            )
            (component
              (export "q")
            )
            (component
              (export "c 3@E************[******")
              (import "bsdew2-sdbsdb")
            )
            (component
              (export "c t.*************")
              (export "00AGGGGle *$$qq")
            )
            (component)
          )
          (component
            (export "q")
          )
          (component
            (export "c 3@E$*************7777777777777777777777777777777777777777777MM~MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM777777777777777777777777777777777777777777*****")
            (import "00e*$$qq")
          )
          (component
            (export "EGG-y-GG-qq")
            (export "0+AGGG.Gle $$qq")
          )
          (component
            (export "q")
          )
          (component
            (export "c 3@E*******************")
            (import "00A$qq")
          )
          (component
            (export "c t.*************")
            (export "GGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGG00AGGGGle *$$qq")
          )
          (component)
        )
        (component
          (export "q")
        )
        (component
          (export "c 3@E*******************")
          (import "15AG:GG!le*$$qq")
        )
        (component
          (export "c t.*")
          (component
            (export "c 3@EGGGG$qq**")
            (export "bsdew2-sdbsdb")
          )
          (component
            (export "c t.********)*eleo &m Nx2GGGGle*$$qq")
          )
          (component
            (export "c 1.*************")
            (export "00AGGGGle A*$$qq")
          )
          (component)
        )
        (component
          (export "q")
        )
        (component
          (export "c Gle $$qq")
        )
        (component
          (export "q")
        )
        (component
          (export "c 3@E*******************")
          (import "sdg-q12")
        )
        (component
          (export "c t.*************")
          (export "00AG")
          (component
            (export "c 3@EGG*****+*****e $$qq")
          )
          (component
            (export "q**")
            (export "dojgn-ejs9-nd188")
          )
          (component
            (export "q")
          )
          (component
            (export "c 3@E*******************")
            (import "bsdew2-sdbsdb")
          )
          (component
            (export "c=t.*************")
            (export "00AG")
            (component
              (export "alskgn-mbnaj4-a33i5nf")
              (export "dojgn-ejs9-nd188")
            )
            (component
              (export "q")
            )
            (component
              (export "c 3@E*******************")
              (import "jsjsjs")
            )
            (component
              (export "q")
            )
            (component
              (export "c 3@E*******************")
              (import "bsdew2-sdbsdb")
            )
            (component
              (export "c t.*************")
              (export "0*************")
              (import "bsdew2-sdbsdb")
            )
            (component
              (export "c t.*************")
              (export "00AG")
              (component
                (export "c 3@EGG*****+*****e $$qq")
              )
              (component
                (export "q**")
                (export "00AGG554M******+*****e 4$qq")
              )
              (component
                (export "q**")
                (export "dojgn-ejs9-nd188")
              )
              (component
                (export "q")
              )
              (component
                (export "c 3@E*******************")
                (import "sdg-q12")
              )
              (component
                (export "c t.*************")
                (export "00AG")
                (component
                  (export "c 3@EGG*****+*****e $$qq")
                )
                (component
                  (export "q**")
                  (export "dojgn-ejs9-nd188")
                )
                (component
                  (export "q")
                )
                (component
                  (export "c 3@E*******************")
                  (import "bsdew2-sdbsdb")
                )
                (component
                  (export "c=t.*************")
                  (export "00AG")
                  (component
                    (export "alskgn-mbnaj4-a33i5nf")
                    (export "dojgn-ejs9-nd188")
                  )
                  (component
                    (export "q")
                  )
                  (component
                    (export "c 3@E*******************")
                    (import "jsjsjs")
                  )
                  (component
                    (export "q")
                  )
                  (component
                    (export "c 3@E*******************")
                    (import "anonmm-x23foinas-ASDOJASD")
                  )
                  (component
                    (export "c t.****0*********")
                    (export "00AG")
                    (component
                      (export "c 3@EGG*****+*****e $$qq")
                    )
                    (component
                      (export "q**")
                      (export "dojgn-ejs9-nd188")
                    )
                    (component
                      (export "q")
                    )
                    (component
                      (export "c 3@E*******************")
                      (import "bsdew2-sdbsdb")
                    )
                    (component
                      (export "c=t.*************")
                      (export "00AG")
                      (component
                        (export "alskgn-mbnaj4-a33i5nf")
                        (export "dojgn-ejs9-nd188")
                      )
                      (component
                        (export "q")
                      )
                      (component
                        (export "afhinds-T39OIDN-f1jsj11")
                        (import "sf-gqo3ngin23ogin13g-bvcad")
                      )
                      (component
                        (export "EGG-y-GG-qq")
                        (export "agds-ASF-TT-yy")
                      )
                      (component
                        (export "q")
                      )
                      (component
                        (export "b 3@E*******************")
                        (import "bsdew2-sdbsdb")
                      )
                      (component
                        (export "c 0.*************")
                        (export "00AGGWGle A*$$qq")
                      )
                      (component)
                    )
                    (component
                      (export "q")
                    )
                    (component
                      (export "c 3@E*********GG$qq**")
                      (export "dojgn-ejs9-nd188")
                    )
                    (component
                      (export "q")
                    )
                    (component
                      (export "c 3@E************[******")
                      (import "bsdew2-sdbsdb")
                    )
                    (component
                      (export "c t.*************")
                      (export "00AGGGGle *$$qq")
                    )
                    (component)
                  )
                  (component
                    (export "q")
                  )
                  (component
                    (export "c 3@E$*************7777777777777777777777777777777777777777777MM~MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM777777777777777777777777777777777777777777*****")
                    (import "00e*$$qq")
                  )
                  (component
                    (export "EGG-y-GG-qq")
                    (export "0+AGGG.Gle $$qq")
                  )
                  (component
                    (export "q")
                  )
                  (component
                    (export "c 3@E*******************")
                    (import "00A$qq")
                  )
                  (component
                    (export "c t.*************")
                    (export "GGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGG00AGGGGle *$$qq")
                  )
                  (component)
                )
                (component
                  (export "q")
                )
                (component
                  (export "c 3@E*******************")
                  (import "15AG:GG!le*$$qq")
                )
                (component
                  (export "c .t*")
                  (component
                    (export "c 3@EGGGG$qq**")
                    (export "bsdew2-sdbsdb")
                  )
                  (component
                    (export "c t.********)*eleo &m Nx2GGGGle*$$qq")
                  )
                  (component
                    (export "c 1.*************")
                    (export "00AGGGGle A*$$qq")
                  )
                  (component)
                )
                (component
                  (export "q")
                )
                (component
                  (export "c Gle $$qq")
                )
                (component
                  (export "q")
                )
                (component
                  (export "c 3@E*******************")
                  (import "sdg-q12")
                )
                (component
                  (export "c t.*************")
                  (export "00AG")
                  (component
                    (export "c 3@EGG*****+*****e $$qq")
                  )
                  (component
                    (export "q**")
                    (export "dojgn-ejs9-nd188")
                  )
                  (component
                    (export "q")
                  )
                  (component
                    (export "c 3@E*******************")
                    (import "bsdew2-sdbsdb")
                  )
                  (component
                    (export "c=t.*************")
                    (export "00AG")
                    (component
                      (export "alskgn-mbnaj4-a33i5nf")
                      (export "dojgn-ejs9-nd188")
                    )
                    (component
                      (export "q")
                    )
                    (component
                      (export "c 3@E*******************")
                      (import "jsjsjs")
                    )
                    (component
                      (export "q")
                    )
                    (component
                      (export "c 3@E*******************")
                      (import "bsdew2-sdbsdb")
                    )
                    (component
                      (export "c t.*************")
                      (export "00AG")
                      (component
                        (export "c 3@EGG*****+*****e $$qq")
                      )
                      (component
                        (export "q**")
                        (export "dojgn-ejs9-nd188")
                      )
                      (component
                        (export "q")
                      )
                      (component
                        (export "c 3@E*******************")
                        (import "bsdew2-sdbsdb")
                      )
                      (component
                        (export "c=t.*************")
                        (export "00AG")
                        (component
                          (export "alskgn-mbnaj4-a33i5nf")
                          (export "dojgn-ejs9-nd188")
                        )
                        (component
                          (export "q")
                        )
                        (component
                          (export "afhinds-T39OIDN-f1jsj11")
                          (import "sf-gqo3ngin23ogin13g-bvcad")
                        )
                        (component
                          (export "EGG-y-GG-qq")
                          (export "00AGGG.Gle '$$qq")
                        )
                        (component
                          (export "q")
                        )
                        (component
                          (export "b 3@E*******************")
                          (import "bsdew2-sdbsdb")
                        )
                        (component
                          (export "c 0.*************")
                          (export "00AGGWGle A*$$qq")
                        )
                        (component)
                      )
                      (component
                        (export "q")
                      )
                      (component
                        (export "c 3@E*********GG$qq**")
                        (export "dojgn-ejs9-nd188")
                      )
                      (component
                        (export "q")
                      )
                      (component
                        (export "c 3@E************[******")
                        (import "bsdew2-sdbsdb")
                      )
                      (component
                        (export "c t.*************")
                        (export "00AGGGGle *$$qq")
                      )
                      (component)
                    )
                    (component
                      (export "q")
                    )
                    (component
                      (export "c 6@E$*************7777777777777777777777777777777777777777777MM~MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM777777777777777777777777777777777777777777*****")
                      (import "00e*$$qq")
                    )
                    (component
                      (export "EGG-y-GG-qq")
                      (export "00AGGG.Gle $$qq")
                    )
                    (component
                      (export "q")
                    )
                    (component
                      (export "c 3@E*******************")
                      (import "bsdew2-sdbsdb")
                    )
                    (component
                      (export "c *****")
                      (export "00AG")
                      (component
                        (export "c 3@EGG*****+*****e $$qq")
                      )
                      (component
                        (export "q**")
                        (export "00AGG554M******+*****e 4$qq")
                      )
                      (component
                        (export "q**")
                        (export "dojgn-ejs9-nd188")
                      )
                      (component
                        (export "q")
                      )
                      (component
                        (export "c 3@E*******************")
                        (import "sdg-q12")
                      )
                      (component
                        (export "c t.*************")
                        (export "00AG")
                        (component
                          (export "c 3@EGG*****+*****e $$qq")
                        )
                        (component
                          (export "q**")
                          (export "dojgn-ejs9-nd188")
                        )
                        (component
                          (export "q")
                        )
                        (component
                          (export "c 3@E*******************")
                          (import "bsdew2-sdbsdb")
                        )
                        (component
                          (export "c=t.*************")
                          (export "00AG")
                          (component
                            (export "alskgn-mbnaj4-a33i5nf")
                            (export "dojgn-ejs9-nd188")
                          )
                          (component
                            (export "q")
                          )
                          (component
                            (export "c 3@E*******************")
                            (import "jsjsjs")
                          )
                          (component
                            (export "q")
                          )
                          (component
                            (export "c 3@E*******************")
                            (import "anonmm-x23foinas-ASDOJASD")
                          )
                          (component
                            (export "c t.****0*********")
                            (export "00AG")
                            (component
                              (export "c 3@EGG*****+*****e $$qq")
                            )
                            (component
                              (export "q**")
                              (export "dojgn-ejs9-nd188")
                            )
                            (component
                              (export "q")
                            )
                            (component
                              (export "c 3@E*******************")
                              (import "bsdew2-sdbsdb")
                            )
                            (component
                              (export "c=t.*************")
                              (export "00AG")
                              (component
                                (export "alskgn-mbnaj4-a33i5nf")
                                (export "dojgn-ejs9-nd188")
                              )
                              (component
                                (export "q")
                              )
                              (component
                                (export "afhinds-T39OIDN-f1jsj11")
                                (import "sf-gqo3ngin23ogin13g-bvcad")
                              )
                              (component
                                (export "EGG-y-GG-qq")
                                (export "agds-ASF-TT-yy")
                              )
                              (component
                                (export "q")
                              )
                              (component
                                (export "b 3@E*******************")
                                (import "bsdew2-sdbsdb")
                              )
                              (component
                                (export "c 0.*************")
                                (export "00AGGWGle A*$$qq")
                              )
                              (component)
                            )
                            (component
                              (export "q")
                            )
                            (component
                              (export "c 3@E*********GG$qq**")
                              (export "dojgn-ejs9-nd188")
                            )
                            (component
                              (export "q")
                            )
                            (component
                              (export "c 3@E************[******")
                              (import "bsdew2-sdbsdb")
                            )
                            (component
                              (export "c t.*************")
                              (export "00AGGGGle *$$qq")
                            )
                            (component)
                          )
                          (component
                            (export "q")
                          )
                          (component
                            (export "c 3@E$*************7777777777777777777777777777777777777777777MM~MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM777777777777777777777777777777777777777777*****")
                            (import "00e*$$qq")
                          )
                          (component
                            (export "EGG-y-GG-qq")
                            (export "0+AGGG.Gle $$qq")
                          )
                          (component
                            (export "q")
                          )
                          (component
                            (export "c 3@E*******************")
                            (import "00A$qq")
                          )
                          (component
                            (export "c t.*************")
                            (export "GGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGG00AGGGGle *$$qq")
                          )
                          (component)
                        )
                        (component
                          (export "q")
                        )
                        (component
                          (export "c 3@E*******************")
                          (import "15AG:GG!le*$$qq")
                        )
                        (component
                          (export "c t.*")
                          (component
                            (export "c 3@EGGGG$qq**")
                            (export "bsdew2-sdbsdb")
                          )
                          (component
                            (export "c t.********)*eleo &m Nx2GGGGle*$$qq")
                          )
                          (component
                            (export "c 1.*************")
                            (export "00AGGGGle A*$$qq")
                          )
                          (component)
                        )
                        (component
                          (export "q")
                        )
                        (component
                          (export "c Gle $$qq")
                        )
                        (component
                          (export "q")
                        )
                        (component
                          (export "c 3@E*******************")
                          (import "sdg-q12")
                        )
                        (component
                          (export "c t.*************")
                          (export "00AG")
                          (component
                            (export "c 3@EGG*****+*****e $$qq")
                          )
                          (component
                            (export "q**")
                            (export "dojgn-ejs9-nd188")
                          )
                          (component
                            (export "q")
                          )
                          (component
                            (export "c 3@E*******************")
                            (import "bsdew2-sdbsdb")
                          )
                          (component
                            (export "c=t.*************")
                            (export "00AG")
                            (component
                              (export "alskgn-mbnaj4-a33i5nf")
                              (export "dojgn-ejs9-nd188")
                            )
                            (component
                              (export "q")
                            )
                            (component
                              (export "c 3@E*******************")
                              (import "jsjsjs")
                            )
                            (component
                              (export "q")
                            )
                            (component
                              (export "c 3@E*******************")
                              (import "bsdew2-sdbsdb")
                            )
                            (component
                              (export "c t.*************")
                              (export "0*************")
                              (import "bsdew2-sdbsdb")
                            )
                            (component
                              (export "c t.*************")
                              (export "00AG")
                              (component
                                (export "c 3@EGG*****+*****e $$qq")
                              )
                              (component
                                (export "q**")
                                (export "00AGG554M******+*****e 4$qq")
                              )
                              (component
                                (export "q**")
                                (export "dojgn-ejs9-nd188")
                              )
                              (component
                                (export "q")
                              )
                              (component
                                (export "c 3@E*******************")
                                (import "sdg-q12")
                              )
                              (component
                                (export "c t.*************")
                                (export "00AG")
                                (component
                                  (export "c 3@EGG*****+*****e $$qq")
                                )
                                (component
                                  (export "q**")
                                  (export "dojgn-ejs9-nd188")
                                )
                                (component
                                  (export "q")
                                )
                                (component
                                  (export "c 3@E*******************")
                                  (import "bsdew2-sdbsdb")
                                )
                                (component
                                  (export "c=t.*************")
                                  (export "00AG")
                                  (component
                                    (export "alskgn-mbnaj4-a33i5nf")
                                    (export "dojgn-ejs9-nd188")
                                  )
                                  (component
                                    (export "q")
                                  )
                                  (component
                                    (export "c 3@E*******************")
                                    (import "jsjsjs")
                                  )
                                  (component
                                    (export "q")
                                  )
                                  (component
                                    (export "c 3@E*******************")
                                    (import "anonmm-x23foinas-ASDOJASD")
                                  )
                                  (component
                                    (export "c t.****0*********")
                                    (export "00AG")
                                    (component
                                      (export "c 3@EGG*****+*****e $$qq")
                                    )
                                    (component
                                      (export "q**")
                                      (export "dojgn-ejs9-nd188")
                                    )
                                    (component
                                      (export "q")
                                    )
                                    (component
                                      (export "c 3@E*******************")
                                      (import "bsdew2-sdbsdb")
                                    )
                                    (component
                                      (export "c=t.*************")
                                      (export "00AG")
                                      (component
                                        (export "alskgn-mbnaj4-a33i5nf")
                                        (export "dojgn-ejs9-nd188")
                                      )
                                      (component
                                        (export "q")
                                      )
                                      (component
                                        (export "afhinds-T39OIDN-f1jsj11")
                                        (import "sf-gqo3ngin23ogin13g-bvcad")
                                      )
                                      (component
                                        (export "EGG-y-GG-qq")
                                        (export "agds-ASF-TT-yy")
                                      )
                                      (component
                                        (export "q")
                                      )
                                      (component
                                        (export "b 3@E*******************")
                                        (import "bsdew2-sdbsdb")
                                      )
                                      (component
                                        (export "c 0.*************")
                                        (export "00AGGWGle A*$$qq")
                                      )
                                      (component)
                                    )
                                    (component
                                      (export "q")
                                    )
                                    (component
                                      (export "c 3@E*********GG$qq**")
                                      (export "dojgn-ejs9-nd188")
                                    )
                                    (component
                                      (export "q")
                                    )
                                    (component
                                      (export "c 3@E************[******")
                                      (import "bsdew2-sdbsdb")
                                    )
                                    (component
                                      (export "c t.*************")
                                      (export "00AGGGGle *$$qq")
                                    )
                                    (component)
                                  )
                                  (component
                                    (export "q")
                                  )
                                  (component
                                    (export "c 3@E$*************7777777777777777777777777777777777777777777MM~MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM777777777777777777777777777777777777777777*****")
                                    (import "00e*$$qq")
                                  )
                                  (component
                                    (export "EGG-y-GG-qq")
                                    (export "0+AGGG.Gle $$qq")
                                  )
                                  (component
                                    (export "q")
                                  )
                                  (component
                                    (export "c 3@E*******************")
                                    (import "00A$qq")
                                  )
                                  (component
                                    (export "c t.*************")
                                    (export "GGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGG00AGGGGle *$$qq")
                                  )
                                  (component)
                                )
                                (component
                                  (export "q")
                                )
                                (component
                                  (export "c 3@E*******************")
                                  (import "15AG:GG!le*$$qq")
                                )
                                (component
                                  (export "c .t*")
                                  (component
                                    (export "c 3@EGGGG$qq**")
                                    (export "bsdew2-sdbsdb")
                                  )
                                  (component
                                    (export "c t.********)*eleo &m Nx2GGGGle*$$qq")
                                  )
                                  (component
                                    (export "c 1.*************")
                                    (export "00AGGGGle A*$$qq")
                                  )
                                  (component)
                                )
                                (component
                                  (export "q")
                                )
                                (component
                                  (export "c Gle $$qq")
                                )
                                (component
                                  (export "q")
                                )
                                (component
                                  (export "c 3@E*******************")
                                  (import "sdg-q12")
                                )
                                (component
                                  (export "c t.*************")
                                  (export "00AG")
                                  (component
                                    (export "c 3@EGG*****+*****e $$qq")
                                  )
                                  (component
                                    (export "q**")
                                    (export "dojgn-ejs9-nd188")
                                  )
                                  (component
                                    (export "q")
                                  )
                                  (component
                                    (export "c 3@E*******************")
                                    (import "bsdew2-sdbsdb")
                                  )
                                  (component
                                    (export "c=t.*************")
                                    (export "00AG")
                                    (component
                                      (export "alskgn-mbnaj4-a33i5nf")
                                      (export "dojgn-ejs9-nd188")
                                    )
                                    (component
                                      (export "q")
                                    )
                                    (component
                                      (export "c 3@E*******************")
                                      (import "jsjsjs")
                                    )
                                    (component
                                      (export "q")
                                    )
                                    (component
                                      (export "c 3@E*******************")
                                      (import "bsdew2-sdbsdb")
                                    )
                                    (component
                                      (export "c t.*************")
                                      (export "00AG")
                                      (component
                                        (export "c 3@EGG*****+*****e $$qq")
                                      )
                                      (component
                                        (export "q**")
                                        (export "dojgn-ejs9-nd188")
                                      )
                                      (component
                                        (export "q")
                                      )
                                      (component
                                        (export "c 3@E*******************")
                                        (import "bsdew2-sdbsdb")
                                      )
                                      (component
                                        (export "c=t.*************")
                                        (export "00AG")
                                        (component
                                          (export "alskgn-mbnaj4-a33i5nf")
                                          (export "dojgn-ejs9-nd188")
                                        )
                                        (component
                                          (export "q")
                                        )
                                        (component
                                          (export "afhinds-T39OIDN-f1jsj11")
                                          (import "sf-gqo3ngin23ogin13g-bvcad")
                                        )
                                        (component
                                          (export "EGG-y-GG-qq")
                                          (export "00AGGG.Gle '$$qq")
                                        )
                                        (component
                                          (export "q")
                                        )
                                        (component
                                          (export "b 3@E*******************")
                                          (import "bsdew2-sdbsdb")
                                        )
                                        (component
                                          (export "c 0.*************")
                                          (export "00AGGWGle A*$$qq")
                                        )
                                        (component)
                                      )
                                      (component
                                        (export "q")
                                      )
                                      (component
                                        (export "c 3@E*********GG$qq**")
                                        (export "dojgn-ejs9-nd188")
                                      )
                                      (component
                                        (export "q")
                                      )
                                      (component
                                        (export "c 3@E************[******")
                                        (import "bsdew2-sdbsdb")
                                      )
                                      (component
                                        (export "c t.*************")
                                        (export "00AGGGGle *$$qq")
                                      )
                                      (component)
                                    )
                                    (component
                                      (export "q")
                                    )
                                    (component
                                      (export "c 6@E$*************7777777777777777777777777777777777777777777MM~MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM777777777777777777777777777777777777777777*****")
                                      (import "00e*$$qq")
                                    )
                                    (component
                                      (export "EGG-y-GG-qq")
                                      (export "00AGGG.Gle $$qq")
                                    )
                                    (component
                                      (export "q")
                                    )
                                    (component
                                      (export "c 3@E*******************")
                                      (import "bsdew2-sdbsdb")
                                    )
                                    (component
                                      (export "c 1.*************")
                                      (export "00AGGGGle A*$$qq")
                                    )
                                    (component)
                                  )
                                  (component
                                    (export "q")
                                  )
                                  (component
                                    (export "c 4@E****\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\*****GG$qq**")
                                    (export "dojgn-ejs9-nd188")
                                  )
                                  (component
                                    (export "q")
                                  )
                                  (component
                                    (export "c 3@E*******************")
                                    (import "00CGGGGle*$$qq")
                                  )
                                  (component
                                    (export "c t.*************")
                                    (export "00AGGGGle *$$qq")
                                  )
                                  (component)
                                )
                                (component
                                  (export "q")
                                )
                                (component
                                  (export "c 3@E*******77777777777777777777777777777777GG)le 0AGGGGle $$qq")
                                )
                                (component
                                  (export "q")
                                )
                                (component
                                  (export "c 3@E*******************")
                                  (import "00CGGGGle*$$qq")
                                )
                                (component
                                  (export "c t.*************")
                                  (export "00AGGGGl4@E****\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\*****GG$qq**")
                                  (export "dojgn-ejs9-nd188")
                                )
                                (component
                                  (export "q")
                                )
                                (component
                                  (export "c 3@E*******************")
                                  (import "00CGGGGle*$$qq")
                                )
                                (component
                                  (export "c t.*************")
                                  (export "00AGGGGle *$$qq")
                                )
                                (component)
                              )
                              (component
                                (export "q")
                              )
                              (component
                                (export "c 3@E*******77777777777777777777777777777777GG)le 0AGGGGle $$qq")
                              )
                              (component
                                (export "q")
                              )
                              (component
                                (export "c 3@E*******************")
                                (import "00CGGGGle*$$qq")
                              )
                              (component
                                (export "c t.*************")
                                (export "00AGGGGle *$$qq")
                              )
                              (component)
                            )
                            (component
                              (export "q")
                            )
                            (component
                              (export "c 3@E***0AG")
                              (component
                                (export "c 3@EGG*****+*****e $$qq")
                              )
                              (component
                                (export "q**")
                                (export "dojgn-ejs9-nd188")
                              )
                              (component
                                (export "q")
                              )
                              (component
                                (export "c 3@E*******************")
                                (import "bsdew2-sdbsdb")
                              )
                              (component
                                (export "c=t.*************")
                                (export "00AG")
                                (component
                                  (export "alskgn-mbnaj4-a33i5nf")
                                  (export "dojgn-ejs9-nd188")
                                )
                                (component
                                  (export "q")
                                )
                                (component
                                  (export "afhinds-T39OIDN-f1jsj11")
                                  (import "sf-gqo3ngin23ogin13g-bvcad")
                                )
                                (component
                                  (export "EGG-y-GG-qq")
                                  (export "00AGGG.Gle '$$qq")
                                )
                                (component
                                  (export "q")
                                )
                                (component
                                  (export "b 3@E*******************")
                                  (import "bsdew2-sdbsdb")
                                )
                                (component
                                  (export "c 0.*************")
                                  (export "00AGGWGle A*$$qq")
                                )
                                (component)
                              )
                              (component
                                (export "q")
                              )
                              (component
                                (export "c 3@E*********GG$qq**")
                                (export "dojgn-ejs9-nd188")
                              )
                              (component
                                (export "q")
                              )
                              (component
                                (export "c 3@E************[******")
                                (import "bsdew2-sdbsdb")
                              )
                              (component
                                (export "c t.*************")
                                (export "00AGGGGle *$$qq")
                              )
                              (component)
                            )
                            (component
                              (export "q")
                            )
                            (component
                              (export "c 6@E$*************7777777777777777777777777777777777777777777MM~MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM777777777777777777777777777777777777777777*****")
                              (import "00e*$$qq")
                            )
                            (component
                              (export "EGG-y-GG-qq")
                              (export "00AGGG.Gle $$qq")
                            )
                            (component
                              (export "q")
                            )
                            (component
                              (export "c 3@E*******************")
                              (import "bsdew2-sdbsdb")
                            )
                            (component
                              (export "c 1.*************")
                              (export "00AGGGGle A*$$qq")
                            )
                            (component)
                          )
                          (component
                            (export "q")
                          )
                          (component
                            (export "c 4@E****\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\*****GG$qq**")
                            (export "dojgn-ejs9-nd188")
                          )
                          (component
                            (export "q")
                          )
                          (component
                            (export "c 3@E*******************")
                            (import "00CGGGGle*$$qq")
                          )
                          (component
                            (export "c t.*************")
                            (export "00AGGGGle *$$qq")
                          )
                          (component)
                        )
                        (component
                          (export "q")
                        )
                        (component
                          (export "c 3@E*******77777777777777777777777777777777GG)le 0AGGGGle $$qq")
                        )
                        (component
                          (export "q")
                        )
                        (component
                          (export "c 3@E*******************")
                          (import "00CGGGGle*$$qq")
                        )
                        (component
                          (export "c t.*************")
                          (export "00AGGGGl4@E****\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\*****GG$qq**")
                          (export "dojgn-ejs9-nd188")
                        )
                        (component
                          (export "q")
                        )
                        (component
                          (export "c 3@E*******************")
                          (import "00CGGGGle*$$qq")
                        )
                        (component
                          (export "c t.*************")
                          (export "00AGGGGle *$$qq")
                        )
                        (component)
                      )
                      (component
                        (export "q")
                      )
                      (component
                        (export "c 3@E*******77777777777777777777777777777777GG)le 0AGGGGle $$qq")
                      )
                      (component
                        (export "q")
                      )
                      (component
                        (export "c 3@E*******************")
                        (import "00CGGGGle*$$qq")
                      )
                      (component
                        (export "c t.*************")
                        (export "00AGGGGle *$$qq")
                      )
                      (component)
                    )
                    (component
                      (export "q")
                    )
                    (component
                      (export "c 3@E**************777777777777777777777777777777777777777777777777777777777777771.*************")
                      (export "00AGGGGle A*$$qq")
                    )
                    (component)
                  )
                  (component
                    (export "q")
                  )
                  (component
                    (export "c 4@E****\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\*****GG$qq**")
                    (export "dojgn-ejs9-nd188")
                  )
                  (component
                    (export "q")
                  )
                  (component
                    (export "c 3@E*******************")
                    (import "00CGGGGle*$$qq")
                  )
                  (component
                    (export "c t.*************")
                    (export "00AGGGGle *$$qq")
                  )
                  (component)
                )
                (component
                  (export "q")
                )
                (component
                  (export "c 3@E*******77777777777777777777777777777777GG)le 0AGGGGle $$qq")
                )
                (component
                  (export "q")
                )
                (component
                  (export "c 3@E*******************")
                  (import "00CGGGGle*$$qq")
                )
                (component
                  (export "c t.*************")
                  (export "00AGGGGl4@E****\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\*****GG$qq**")
                  (export "dojgn-ejs9-nd188")
                )
                (component
                  (export "q")
                )
                (component
                  (export "c 3@E*******************")
                  (import "00CGGGGle*$$qq")
                )
                (component
                  (export "c t.*************")
                  (export "00AGGGGle *$$qq")
                )
                (component)
              )
              (component
                (export "q")
              )
              (component
                (export "c 3@E*******77777777777777777777777777777777GG)le 0AGGGGle $$qq")
              )
              (component
                (export "q")
              )
              (component
                (export "c 3@E*******************")
                (import "00CGGGGle*$$qq")
              )
              (component
                (export "c t.*************")
                (export "00AGGGGle *$$qq")
              )
              (component)
            )
            (component
              (export "q")
            )
            (component
              (export "c 3@E***0AG")
              (component
                (export "c 3@EGG*****+*****e $$qq")
              )
              (component
                (export "q**")
                (export "dojgn-ejs9-nd188")
              )
              (component
                (export "q")
              )
              (component
                (export "c 3@E*******************")
                (import "bsdew2-sdbsdb")
              )
              (component
                (export "c=t.*************")
                (export "00AG")
                (component
                  (export "alskgn-mbnaj4-a33i5nf")
                  (export "dojgn-ejs9-nd188")
                )
                (component
                  (export "q")
                )
                (component
                  (export "afhinds-T39OIDN-f1jsj11")
                  (import "sf-gqo3ngin23ogin13g-bvcad")
                )
                (component
                  (export "EGG-y-GG-qq")
                  (export "00AGGG.Gle '$$qq")
                )
                (component
                  (export "q")
                )
                (component
                  (export "b 3@E*******************")
                  (import "bsdew2-sdbsdb")
                )
                (component
                  (export "c 0.*************")
                  (export "00AGGWGle A*$$qq")
                )
                (component)
              )
              (component
                (export "q")
              )
              (component
                (export "c 3@E*********GG$qq**")
                (export "dojgn-ejs9-nd188")
              )
              (component
                (export "q")
              )
              (component
                (export "c 3@E************[******")
                (import "bsdew2-sdbsdb")
              )
              (component
                (export "c t.*************")
                (export "00AGGGGle *$$qq")
              )
              (component)
            )
            (component
              (export "q")
            )
            (component
              (export "c 6@E$*************7777777777777777777777777777777777777777777MM~MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM777777777777777777777777777777777777777777*****")
              (import "00e*$$qq")
            )
            (component
              (export "EGG-y-GG-qq")
              (export "00AGGG.Gle $$qq")
            )
            (component
              (export "q")
            )
            (component
              (export "c 3@E*******************")
              (import "bsdew2-sdbsdb")
            )
            (component
              (export "c 1.*************")
              (export "00AGGGGle A*$$qq")
            )
            (component)
          )
          (component
            (export "q")
          )
          (component
            (export "c 4@E****\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\*****GG$qq**")
            (export "dojgn-ejs9-nd188")
          )
          (component
            (export "q")
          )
          (component
            (export "c 3@E*******************")
            (import "00CGGGGle*$$qq")
          )
          (component
            (export "c t.*************")
            (export "00AGGGGle *$$qq")
          )
          (component)
        )
        (component
          (export "q")
        )
        (component
          (export "c 3@E*******77777777777777777777777777777777GG)le 0AGGGGle $$qq")
        )
        (component
          (export "q")
        )
        (component
          (export "c 3@E*******************")
          (import "00CGGGGle*$$qq")
        )
        (component
          (export "c t.*************")
          (export "00AGGGGl4@E****\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\*****GG$qq**")
          (export "dojgn-ejs9-nd188")
        )
        (component
          (export "q")
        )
        (component
          (export "c 3@E*******************")
          (import "00CGGGGle*$$qq")
        )
        (component
          (export "c t.*************")
          (export "00AGGGGle *$$qq")
        )
        (component)
      )
      (component
        (export "q")
      )
      (component
        (export "c 3@E*******77777777777777777777777777777777GG)le 0AGGGGle $$qq")
      )
      (component
        (export "q")
      )
      (component
        (export "c 3@E*******************")
        (import "00CGGGGle*$$qq")
      )
      (component
        (export "c t.*************")
        (export "00AGGGGle *$$qq")
      )
      (component)
    )
  )
  "conflicts with previous name")

(assert_invalid
  (component
    (type $m0 (component))
    (type $m1 (component
      (import "i1" (component (type $m0)))
      (import "i2" (component (type $m0)))
      (import "i3" (component (type $m0)))
      (import "i4" (component (type $m0)))
      (import "i5" (component (type $m0)))
      (import "i6" (component (type $m0)))
      (import "i7" (component (type $m0)))
      (import "i8" (component (type $m0)))
      (import "i9" (component (type $m0)))
      (import "i10" (component (type $m0)))
    ))
    (type $m2 (component
      (import "i1" (component (type $m1)))
      (import "i2" (component (type $m1)))
      (import "i3" (component (type $m1)))
      (import "i4" (component (type $m1)))
      (import "i5" (component (type $m1)))
      (import "i6" (component (type $m1)))
      (import "i7" (component (type $m1)))
      (import "i8" (component (type $m1)))
      (import "i9" (component (type $m1)))
      (import "i10" (component (type $m1)))
    ))
    (type $m3 (component
      (import "i1" (component (type $m2)))
      (import "i2" (component (type $m2)))
      (import "i3" (component (type $m2)))
      (import "i4" (component (type $m2)))
      (import "i5" (component (type $m2)))
      (import "i6" (component (type $m2)))
      (import "i7" (component (type $m2)))
      (import "i8" (component (type $m2)))
      (import "i9" (component (type $m2)))
      (import "i10" (component (type $m2)))
    ))
    (type $m4 (component
      (import "i1" (component (type $m3)))
      (import "i2" (component (type $m3)))
      (import "i3" (component (type $m3)))
      (import "i4" (component (type $m3)))
      (import "i5" (component (type $m3)))
      (import "i6" (component (type $m3)))
      (import "i7" (component (type $m3)))
      (import "i8" (component (type $m3)))
      (import "i9" (component (type $m3)))
      (import "i10" (component (type $m3)))
    ))
    (type $m5 (component
      (import "i1" (component (type $m4)))
      (import "i2" (component (type $m4)))
      (import "i3" (component (type $m4)))
      (import "i4" (component (type $m4)))
      (import "i5" (component (type $m4)))
      (import "i6" (component (type $m4)))
      (import "i7" (component (type $m4)))
      (import "i8" (component (type $m4)))
      (import "i9" (component (type $m4)))
      (import "i10" (component (type $m4)))
    ))
    (type $m6 (component
      (import "i1" (component (type $m5)))
      (import "i2" (component (type $m5)))
      (import "i3" (component (type $m5)))
      (import "i4" (component (type $m5)))
      (import "i5" (component (type $m5)))
      (import "i6" (component (type $m5)))
      (import "i7" (component (type $m5)))
      (import "i8" (component (type $m5)))
      (import "i9" (component (type $m5)))
      (import "i10" (component (type $m5)))
    ))
    (type $m7 (component
      (import "i1" (component (type $m6)))
      (import "i2" (component (type $m6)))
      (import "i3" (component (type $m6)))
      (import "i4" (component (type $m6)))
      (import "i5" (component (type $m6)))
      (import "i6" (component (type $m6)))
      (import "i7" (component (type $m6)))
      (import "i8" (component (type $m6)))
      (import "i9" (component (type $m6)))
      (import "i10" (component (type $m6)))
    ))
    (type $m8 (component
      (import "i1" (component (type $m7)))
      (import "i2" (component (type $m7)))
      (import "i3" (component (type $m7)))
      (import "i4" (component (type $m7)))
      (import "i5" (component (type $m7)))
      (import "i6" (component (type $m7)))
      (import "i7" (component (type $m7)))
      (import "i8" (component (type $m7)))
      (import "i9" (component (type $m7)))
      (import "i10" (component (type $m7)))
    ))
    (type $m9 (component
      (import "i1" (component (type $m8)))
      (import "i2" (component (type $m8)))
      (import "i3" (component (type $m8)))
      (import "i4" (component (type $m8)))
      (import "i5" (component (type $m8)))
      (import "i6" (component (type $m8)))
      (import "i7" (component (type $m8)))
      (import "i8" (component (type $m8)))
      (import "i9" (component (type $m8)))
      (import "i10" (component (type $m8)))
    ))

    (type $m (component
      (import "a" (component (type $m9)))
    ))
    (import "a" (component $a (type $m9)))
    (import "b" (component $b (type $m)))
    (instance (instantiate $b (with "a" (component $a))))
  )
  "effective type size exceeds the limit")

(assert_invalid
  (component
    (component $m0)
    (component $m1
      (instance (export "e0") (instantiate $m0))
      (instance (export "e1") (instantiate $m0))
      (instance (export "e2") (instantiate $m0))
      (instance (export "e3") (instantiate $m0))
      (instance (export "e4") (instantiate $m0))
      (instance (export "e5") (instantiate $m0))
      (instance (export "e6") (instantiate $m0))
      (instance (export "e7") (instantiate $m0))
      (instance (export "e8") (instantiate $m0))
      (instance (export "e9") (instantiate $m0))
    )
    (component $m2
      (instance (export "e0") (instantiate $m1))
      (instance (export "e1") (instantiate $m1))
      (instance (export "e2") (instantiate $m1))
      (instance (export "e3") (instantiate $m1))
      (instance (export "e4") (instantiate $m1))
      (instance (export "e5") (instantiate $m1))
      (instance (export "e6") (instantiate $m1))
      (instance (export "e7") (instantiate $m1))
      (instance (export "e8") (instantiate $m1))
      (instance (export "e9") (instantiate $m1))
    )
    (component $m3
      (instance (export "e0") (instantiate $m2))
      (instance (export "e1") (instantiate $m2))
      (instance (export "e2") (instantiate $m2))
      (instance (export "e3") (instantiate $m2))
      (instance (export "e4") (instantiate $m2))
      (instance (export "e5") (instantiate $m2))
      (instance (export "e6") (instantiate $m2))
      (instance (export "e7") (instantiate $m2))
      (instance (export "e8") (instantiate $m2))
      (instance (export "e9") (instantiate $m2))
    )
    (component $m4
      (instance (export "e0") (instantiate $m3))
      (instance (export "e1") (instantiate $m3))
      (instance (export "e2") (instantiate $m3))
      (instance (export "e3") (instantiate $m3))
      (instance (export "e4") (instantiate $m3))
      (instance (export "e5") (instantiate $m3))
      (instance (export "e6") (instantiate $m3))
      (instance (export "e7") (instantiate $m3))
      (instance (export "e8") (instantiate $m3))
      (instance (export "e9") (instantiate $m3))
    )
    (component $m5
      (instance (export "e0") (instantiate $m4))
      (instance (export "e1") (instantiate $m4))
      (instance (export "e2") (instantiate $m4))
      (instance (export "e3") (instantiate $m4))
      (instance (export "e4") (instantiate $m4))
      (instance (export "e5") (instantiate $m4))
      (instance (export "e6") (instantiate $m4))
      (instance (export "e7") (instantiate $m4))
      (instance (export "e8") (instantiate $m4))
      (instance (export "e9") (instantiate $m4))
    )
    (component $m6
      (instance (export "e0") (instantiate $m5))
      (instance (export "e1") (instantiate $m5))
      (instance (export "e2") (instantiate $m5))
      (instance (export "e3") (instantiate $m5))
      (instance (export "e4") (instantiate $m5))
      (instance (export "e5") (instantiate $m5))
      (instance (export "e6") (instantiate $m5))
      (instance (export "e7") (instantiate $m5))
      (instance (export "e8") (instantiate $m5))
      (instance (export "e9") (instantiate $m5))
    )
    (component $m7
      (instance (export "e0") (instantiate $m6))
      (instance (export "e1") (instantiate $m6))
      (instance (export "e2") (instantiate $m6))
      (instance (export "e3") (instantiate $m6))
      (instance (export "e4") (instantiate $m6))
      (instance (export "e5") (instantiate $m6))
      (instance (export "e6") (instantiate $m6))
      (instance (export "e7") (instantiate $m6))
      (instance (export "e8") (instantiate $m6))
      (instance (export "e9") (instantiate $m6))
    )
  )
  "effective type size exceeds the limit")

(assert_invalid
  (component
    ;; size(t0) == 1
    (type $t0 (flags "x"))

    ;; size(t1) == 10
    (type $t1 (record
      (field "f0" $t0)
      (field "f1" $t0)
      (field "f2" $t0)
      (field "f3" $t0)
      (field "f4" $t0)
      (field "f5" $t0)
      (field "f6" $t0)
      (field "f7" $t0)
      (field "f8" $t0)
      (field "f9" $t0)
    ))

    ;; size(t2) == 100
    (type $t2 (record
      (field "f0" $t1)
      (field "f1" $t1)
      (field "f2" $t1)
      (field "f3" $t1)
      (field "f4" $t1)
      (field "f5" $t1)
      (field "f6" $t1)
      (field "f7" $t1)
      (field "f8" $t1)
      (field "f9" $t1)
    ))

    ;; size(t3) == 1000
    (type $t3 (record
      (field "f0" $t2)
      (field "f1" $t2)
      (field "f2" $t2)
      (field "f3" $t2)
      (field "f4" $t2)
      (field "f5" $t2)
      (field "f6" $t2)
      (field "f7" $t2)
      (field "f8" $t2)
      (field "f9" $t2)
    ))

    ;; size(t4) == 10000
    (type $t4 (record
      (field "f0" $t3)
      (field "f1" $t3)
      (field "f2" $t3)
      (field "f3" $t3)
      (field "f4" $t3)
      (field "f5" $t3)
      (field "f6" $t3)
      (field "f7" $t3)
      (field "f8" $t3)
      (field "f9" $t3)
    ))

    ;; size(t5) == 100000
    (type $t5 (record
      (field "f0" $t4)
      (field "f1" $t4)
      (field "f2" $t4)
      (field "f3" $t4)
      (field "f4" $t4)
      (field "f5" $t4)
      (field "f6" $t4)
      (field "f7" $t4)
      (field "f8" $t4)
      (field "f9" $t4)
    ))

    (type $f (func
      (param "a" $t5)
      (param "b" $t5)
      (param "c" $t5)
      (param "d" $t5)
      (param "e" $t5)
      (param "f" $t5)
      (param "g" $t5)
      (param "h" $t5)
      (param "i" $t5)
      (param "j" $t5)
    ))
  )
  "effective type size exceeds the limit")

(assert_malformed
  (component quote
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
    "(component(component(component(component(component(component(component"
  )
  "nesting too deep")
